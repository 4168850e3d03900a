/** The first `most` characters of a text, none of them cut in two. */
export const cut = (text: string, most: number): string => [...text].slice(0, most).join('');

/** Of a person and of a group, in characters. */
export const LONGEST_NAME = 200;

/** Groups stand in one cell of a CSV file with bars between them, so a group that is made here has none in its name. */
export const isGroupName = (text: string): boolean => /^[^|\p{Cc}]{1,200}$/u.test(text) && text.trim() === text;
