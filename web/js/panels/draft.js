/** A value that is being typed or dragged: shown at once, kept when the person pauses or leaves. */

/**
 * @param {{preview?: (value: any) => void, commit: (value: any) => void, cancel?: () => void, pause?: number}} options
 *   pause: milliseconds without a change after which the value is kept; Infinity: only by flush()
 */
export function createDraft({ preview, commit, cancel, pause = 600 }) {
  let timer = null;
  let held = null;

  const draft = {
    /** @returns {boolean} whether something waits to be kept */
    get pending() {
      return held !== null;
    },
    /** The value changed. */
    set(value) {
      held = { value };
      preview?.(value);
      draft.wait();
    },
    /** Count the pause from now, as long as something is pending. */
    wait() {
      clearTimeout(timer);
      timer = held && pause < Infinity ? setTimeout(draft.flush, pause) : null;
    },
    /** Hold the clock, as while an input method composes. */
    hold() {
      clearTimeout(timer);
    },
    /** Keep what is pending, now. */
    flush() {
      clearTimeout(timer);
      if (!held) return;
      const { value } = held;
      held = null;
      commit(value);
    },
    /** Forget what is pending. */
    drop() {
      clearTimeout(timer);
      if (!held) return;
      held = null;
      cancel?.();
    },
  };
  return draft;
}
