/** The first `most` characters of a text, none of them cut in two. */
export const cut = (text: string, most: number): string => [...text].slice(0, most).join('');

/** Of a person and of a group, in characters. */
export const LONGEST_NAME = 200;
