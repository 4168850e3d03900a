/** The first `most` characters of a text, none of them cut in two. */
export const cut = (text: string, most: number): string => [...text].slice(0, most).join('');
