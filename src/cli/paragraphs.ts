/** Help texts: lines of the source become paragraphs, which commander fits to the terminal. */
export function paragraphs(text: string): string {
  return text.trim().replace(/([^\n])\n(?=[^\n])/g, '$1 ');
}
