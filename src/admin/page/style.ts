/** The style of the pages: light and dark, on a phone and on a desk. PURE. */
export const STYLE = `
:root { color-scheme: light dark;
  --page: #ffffff; --text: #1b1f24; --quiet: #57606a; --line: #d0d7de; --box: #f6f8fa;
  --link: #0550ae; --focus: #0550ae; --warn: #7a3e00; --warn-box: #fff4e0; --mark: #a40e26; --mark-box: #ffebe9;
  --yes: #116329; --no: #a40e26; --on: #ffffff }
@media (prefers-color-scheme: dark) { :root {
  --page: #0d1117; --text: #e6edf3; --quiet: #9da7b3; --line: #3d444d; --box: #161b22;
  --link: #79b8ff; --focus: #79b8ff; --warn: #ffd58a; --warn-box: #2e2408; --mark: #ffb3ad; --mark-box: #3c1618;
  --yes: #7ee2a0; --no: #ffb3ad; --on: #0d1117 } }
* { box-sizing: border-box }
body { background: var(--page); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 46rem;
  padding: 0 1rem 3rem; overflow-wrap: anywhere }
header, .who { align-items: center; display: flex; flex-wrap: wrap; gap: .25rem 1rem; justify-content: space-between }
header { border-bottom: 1px solid var(--line); padding: .75rem 0 }
header p { margin: 0 }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 1.25rem 0 .5rem }
h2 { border-top: 1px solid var(--line); font-size: 1.125rem; margin: 1.75rem 0 .5rem; padding-top: 1rem }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem }
p, ul, dl { margin: .5rem 0 }
a { color: var(--link) }
dt { font-weight: 600; margin-top: .75rem }
dd { margin: .125rem 0 0 }
bdi, dd { unicode-bidi: isolate }
bdi { white-space: pre-wrap }
.beginning bdi { white-space: normal }
dt, dd, .list li { overflow: clip; overflow-clip-margin: 6px }
code, pre { font: .9375rem/1.5 ui-monospace, monospace }
pre { background: var(--box); border: 1px solid var(--line); border-radius: 6px; direction: ltr; margin: .25rem 0; overflow: clip;
  overflow-wrap: anywhere; padding: .5rem .75rem; unicode-bidi: isolate; white-space: pre-wrap }
details { border: 1px solid var(--line); border-radius: 6px; margin: .25rem 0; padding: .5rem .75rem }
summary { color: var(--link); cursor: pointer }
.beginning { color: var(--text) }
.kind, .help { color: var(--quiet); font-size: .9375rem; font-weight: 400 }
.concealed { color: var(--quiet); font-style: italic }
.code { background: var(--mark-box); border-radius: 3px; color: var(--mark); direction: ltr; font-family: ui-monospace, monospace;
  font-size: .875em; font-style: normal; unicode-bidi: isolate }
.sign { color: var(--quiet); font-style: normal; user-select: none }
.notes, .alert { background: var(--warn-box); border-radius: 6px; color: var(--warn); margin: .25rem 0; padding: .5rem .75rem }
.notes { list-style-position: inside }
.alert { border: 2px solid; font-weight: 600; margin: 1rem 0 }
.state { font-weight: 600 }
label { display: block; font-weight: 600; margin-top: .75rem }
input, textarea { background: var(--page); border: 1px solid var(--quiet); border-radius: 6px; color: var(--text); display: block;
  font: inherit; margin: .25rem 0; padding: .5rem .75rem; width: 100% }
textarea { min-height: 5rem; resize: vertical }
button { background: var(--page); border: 2px solid var(--link); border-radius: 6px; color: var(--link); cursor: pointer; font: inherit;
  font-weight: 600; min-height: 2.75rem; padding: .375rem 1.25rem }
.buttons { display: flex; flex-wrap: wrap; gap: .75rem 1.5rem; margin-top: 1rem }
.yes { background: var(--yes); border-color: var(--yes); color: var(--on) }
.no { border-color: var(--no); color: var(--no) }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px }
.list { list-style: none; padding: 0 }
.list li { border-top: 1px solid var(--line); padding: .75rem 0 }
@media (prefers-reduced-motion: no-preference) { :root { scroll-behavior: smooth } }
`
