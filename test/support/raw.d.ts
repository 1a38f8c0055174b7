/** Files that are imported as their text: Vite's `import.meta.glob`, as far as tests use it. */
interface ImportMeta {
  glob<T>(
    pattern: string,
    options: { readonly query: '?raw'; readonly import: 'default'; readonly eager: true },
  ): Readonly<Record<string, T>>
}
