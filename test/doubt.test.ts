import { doubtOf } from '../src/doubt';

test.each([
  [[0.95, 0.05], undefined],
  [[0.15, 0.85], 'I am not sure'],
  [[0.35, 0.65], 'I am not sure: this looks like no digit I know'],
])('%j: %s', (probabilities, sentence) => {
  expect(doubtOf(probabilities)).toBe(sentence);
});
