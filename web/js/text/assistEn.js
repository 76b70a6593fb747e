/** The words of what helps with prompts, layouts and masks, in English: a part of en.js. */

export const assistEn = {
  tokens: {
    count: "{tokens} of {limit} tokens",
    over: "{tokens} tokens, only the first {limit} are read",
  },
  complete: { label: "Suggestions", embedding: "embedding" },
  negative: {
    label: "Negative prompt",
    help: "What this object's own branch avoids, beside the negative prompt of the whole picture",
    placeholder: "What should not be here?",
    mixed: "Several negative prompts. Type to replace them all.",
    unused: "This graph samples without branches and ignores it. Use Multi-Instance KSampler.",
  },
};
