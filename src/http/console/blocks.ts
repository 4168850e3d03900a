import type { FormMistake } from '../wording.ts';

/** What a page of the console is made of. Text is always plain: the template escapes it. */
export type Block =
  | { readonly type: 'heading'; readonly text: string }
  | { readonly type: 'text'; readonly text: string; readonly isHint?: boolean }
  | {
      readonly type: 'notice';
      readonly tone: 'good' | 'bad' | 'note';
      readonly text: string;
      readonly items?: readonly string[];
      /** Where to do something about it. */
      readonly path?: string;
    }
  | {
      readonly type: 'facts';
      readonly items: readonly { readonly label: string; readonly value: string; readonly path?: string | undefined }[];
    }
  /** Shown this once. */
  | { readonly type: 'secret'; readonly label: string; readonly value: string; readonly hint?: string }
  | {
      readonly type: 'number';
      readonly label: string;
      readonly value: string;
      readonly spoken: string;
      readonly hint: string;
    }
  | {
      readonly type: 'links';
      readonly items: readonly {
        readonly path: string;
        readonly text: string;
        readonly tone?: 'quiet' | 'danger' | '';
      }[];
    }
  /** How much is done, from 0 to 1; while work goes on, where that is asked again: the page itself, and JSON. */
  | {
      readonly type: 'progress';
      readonly label: string;
      readonly share: number;
      readonly again?: { readonly herePath: string; readonly jsonPath: string };
    }
  | { readonly type: 'pre'; readonly label: string; readonly text: string }
  | { readonly type: 'chart'; readonly caption: string; readonly svg: string }
  | Table
  | Form;

export interface Table {
  readonly type: 'table';
  readonly caption: string;
  readonly isCaptionHidden?: boolean;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  /** Said where there are no rows. */
  readonly empty: string;
  readonly nextPath?: string | null;
}

export interface Cell {
  readonly text: string;
  readonly path?: string;
  readonly tone?: 'good' | 'bad';
  readonly hint?: string;
  /** A button that acts on this row; `label` says for a screen reader on which. */
  readonly post?: {
    readonly action: string;
    readonly text: string;
    readonly tone?: 'quiet' | 'danger';
    readonly label?: string;
  };
}

export interface Form {
  readonly type: 'form';
  readonly method?: 'get';
  readonly action: string;
  readonly fields: readonly Field[];
  readonly hidden?: Readonly<Record<string, string>>;
  readonly submit: string;
  readonly tone?: 'danger' | 'quiet';
  readonly mistakes?: readonly FormMistake[];
  readonly isInline?: boolean;
  readonly hasFile?: boolean;
  readonly cancel?: { readonly path: string; readonly text: string };
}

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly kind:
    | 'text'
    | 'email'
    | 'url'
    | 'search'
    | 'date'
    | 'number'
    | 'textarea'
    | 'select'
    | 'radio'
    | 'checkbox'
    /** Several of the options; the value names them with spaces between. */
    | 'checkboxes'
    | 'file';
  readonly value: string;
  readonly hint?: string;
  readonly isRequired?: boolean;
  readonly longest?: number;
  readonly rows?: number;
  readonly isCode?: boolean;
  /** Kinds of file, as `accept` names them; without it CSV. */
  readonly accepts?: string;
  /** Offered while somebody types. */
  readonly suggestions?: readonly string[];
  readonly options?: readonly { readonly value: string; readonly text: string }[];
}
