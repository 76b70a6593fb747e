/** assistEn.js 的中文。 */

export const assistZh = {
  tokens: {
    count: "{limit} 个词元中的 {tokens} 个",
    over: "{tokens} 个词元，只读取前 {limit} 个",
  },
  complete: { label: "建议", embedding: "嵌入" },
  negative: {
    label: "负面提示词",
    help: "该对象自己的分支要避开的内容，在整幅图的负面提示词之外",
    placeholder: "这里不应出现什么？",
    mixed: "所选实例的负面提示词各不相同。输入将全部替换。",
    unused: "此工作流的采样没有分支，不会使用它。请使用多实例K采样器。",
  },
};
