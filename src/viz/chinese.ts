/** Chinese for what figures, tables and pictures say. `{0}` stands for anything. */
export const CHINESE: Record<string, string> = {
  'step {0}': '第 {0} 步',
  Epoch: '训练周期 (epoch)',
  Train: '训练集',
  'Training progress': '训练过程',
};
