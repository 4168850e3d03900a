/** A UUID as PostgreSQL writes it, in lower case: anything else is no id of ours. */
export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
