/**
 * What is done with the mouse, with keys held, and in fields: the help overlay lists it, by group, with the words of text.gestures. `keys` names
 * the modifiers, and for each the modules (in web/js) that act on it; a test compares that with what those modules read.
 */

const SELECT = "editor/selectTool.js";
const REGIONS = ["editor/regionTools.js", "state/regions.js"];

/** @type {Record<string, Record<string, {shift?: string[], ctrl?: string[], alt?: string[]}>>} */
export const GESTURES = Object.freeze({
  mouse: {
    drag: {},
    dragInside: {},
    ctrlDrag: { ctrl: ["editor/gesture.js", "editor/shapeTools.js", SELECT] },
    keyTwice: {},
    doubleClick: {},
    addClick: { shift: [SELECT], ctrl: [SELECT] },
    shiftDrag: { shift: [SELECT, ...REGIONS] },
    turn: { shift: ["editor/turning.js"] },
    altDrag: { alt: [SELECT] },
    altCentre: { alt: [SELECT, ...REGIONS] },
    altClick: { alt: [SELECT] },
    shiftLine: { shift: ["editor/maskTools.js"] },
    altRegion: { alt: ["editor/regionTools.js"] },
    segmentClick: { shift: ["editor/segmentTool.js"], alt: ["editor/segmentTool.js"] },
    rightClick: {},
    wheel: { ctrl: ["editor/pointer.js"] },
    shiftWheel: { shift: ["editor/pointer.js"] },
    spaceDrag: {},
    pen: {},
    twoFingers: {},
    drop: {},
  },
  fields: {
    ctrlEnter: { ctrl: ["panels/dom.js"] },
    shiftEnter: { shift: ["panels/prompt.js"] },
    arithmetic: {},
    arrows: { shift: ["panels/number.js"] },
    stripClick: { shift: ["studio/strip.js"] },
    listClick: { shift: ["panels/rowClicks.js"], ctrl: ["panels/rowClicks.js"] },
  },
});
