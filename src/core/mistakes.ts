/**
 * What is wrong with something that somebody wrote: a registration, a policy. The name has its words in i18n
 * (`mistake.<name>`); the facts fill them in.
 */
export interface Mistake {
  readonly name: MistakeName;
  readonly facts: Readonly<Record<string, string | number>>;
  /** What it is about, in the words of whoever was asked: a field of a form, a key of a document. */
  readonly field?: string;
}

export type MistakeName =
  | 'changed_meanwhile'
  | 'text_too_long'
  | 'text_odd'
  | 'telephone_invalid'
  | 'support_unnamed'
  | 'colour_invalid'
  | 'colour_unreadable'
  | 'picture_unknown'
  | 'picture_too_large'
  | 'client_unknown'
  | 'client_id'
  | 'client_id_uuid'
  | 'client_name'
  | 'redirect_missing'
  | 'address_unreadable'
  | 'address_fragment'
  | 'address_wildcard'
  | 'address_user'
  | 'address_not_https'
  | 'resource_not_absolute'
  | 'scope_unknown'
  | 'lifetime'
  | 'keys_missing'
  | 'keys_unreadable'
  | 'keys_secret'
  | 'certificate_missing'
  | 'tenant_missing'
  | 'no_secret'
  | 'protocol'
  | 'not_json'
  | 'not_object'
  | 'key_unknown'
  | 'value_missing'
  | 'value_wrong_type'
  | 'value_not_one_of'
  | 'value_too_small'
  | 'value_too_large'
  | 'value_invalid'
  | 'list_empty'
  | 'range_empty'
  | 'range_reversed'
  | 'network_invalid'
  | 'rule_same_name'
  | 'rule_says_too_much'
  | 'rule_decides_nothing'
  | 'rule_needless_deviation'
  | 'rule_remembers_long'
  | 'rule_impossible'
  | 'rule_impossible_any'
  | 'rule_never_reached'
  | 'rule_client_unknown'
  | 'locks_out';

export const mistake = (name: MistakeName, facts: Mistake['facts'] = {}, field?: string): Mistake => ({
  name,
  facts,
  ...(field === undefined ? {} : { field }),
});
