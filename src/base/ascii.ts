/**
 * The text with A to Z in lower case, and nothing else changed. For whatever names somebody or something: `toLowerCase`
 * also turns letters of other scripts into ASCII ones, such as the Kelvin sign into k, so that a stranger's name could become
 * one's own. PURE.
 */
export function asciiLowerCase(text: string): string {
  return /[A-Z]/.test(text) ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text
}
