/** One line of the table. */
export interface Result {
  what: string;
  ok: boolean;
  found: string;
}
