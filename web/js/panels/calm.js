/** Words and numbers that follow a drag: a few times a second is enough to read them, and each change of the page costs more than the drawing. */

const PAUSE = 120; // milliseconds

/** @param {() => void} run @returns {{soon(): void, now(): void, stop(): void}} soon: within the pause, however often it is asked for */
export function createCalm(run) {
  let timer = null;
  const calm = {
    soon() {
      timer ??= setTimeout(calm.now, PAUSE);
    },
    now() {
      calm.stop();
      run();
    },
    stop() {
      clearTimeout(timer);
      timer = null;
    },
  };
  return calm;
}
