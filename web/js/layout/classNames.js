/** Words for class numbers: COCO's names, where data give a number and nothing else. A note says so: another model has other classes. */
const MAX_SHOWN = 8;

// COCO's 80 names in their order: a YOLO's classes 0..79. Their ids in COCO's files run to 90, for eleven things that were never annotated.
const CLASSES = (
  "person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, stop sign, parking meter, bench, " +
  "bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack, umbrella, handbag, tie, suitcase, frisbee, skis, " +
  "snowboard, sports ball, kite, baseball bat, baseball glove, skateboard, surfboard, tennis racket, bottle, wine glass, cup, fork, " +
  "knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted plant, " +
  "bed, dining table, toilet, tv, laptop, mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book, " +
  "clock, vase, scissors, teddy bear, hair drier, toothbrush"
).split(", ");
const UNUSED = [12, 26, 29, 30, 45, 66, 68, 69, 71, 83];
const IDS = Array.from({ length: 90 }, (_, i) => i + 1).filter((id) => !UNUSED.includes(id));
const CATEGORIES = new Map(IDS.map((id, i) => [id, CLASSES[i]])); // COCO's ids, 1..90

/**
 * Names for the numbers of one layout, and one note about all of them.
 * @returns {{category: (n: *) => string, classId: (n: *) => string, unknown: (n: *) => string, note: (what: string, notes: string[]) => void}}
 *   category: of a category_id 1..90; classId: of a class 0..79; unknown: of a table that nobody names. "" if a number has no name
 */
export function numbered() {
  const withName = new Map();
  const without = new Set();
  const name = (number, found) => {
    if (Number.isSafeInteger(number)) found ? withName.set(number, found) : without.add(number);
    return found ?? "";
  };
  return {
    category: (number) => name(number, CATEGORIES.get(number)),
    classId: (number) => name(number, CLASSES[number]),
    unknown: (number) => name(number, undefined),
    note(what, notes) {
      if (withName.size) {
        const shown = [...withName].slice(0, MAX_SHOWN).map(([number, word]) => `${number} is ${word}`).join(", ");
        notes.push(
          `${what}: the data give class numbers without names. They were named as in COCO: ${shown}. ` +
            "Write prompts if your model has other classes.",
        );
      }
      if (without.size) {
        const shown = [...without].slice(0, MAX_SHOWN).join(", ");
        notes.push(`${what}: the data give no names for the class numbers ${shown}. Write prompts for these instances.`);
      }
    },
  };
}
