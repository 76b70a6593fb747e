/** What the reading side of the editor throws: one sentence, written for the person who sees it in the widget. */
export class LayoutError extends Error {
  constructor(message) {
    super(message);
    this.name = "LayoutError";
  }
}
