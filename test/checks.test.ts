import { check, listOf, nullable, number, objectOf, oneOf, optional, text } from '../src/checks';

const record = objectOf({ name: text, loss: nullable(number), how: optional(oneOf(['a', 'b'])) });

test('a value that passes is returned unchanged', () => {
  const value = [{ name: 'x', loss: null, other: 1 }];
  expect(check(listOf(record), value, 'records')).toBe(value);
});

test.each([
  [{}, 'records is an object, want a list'],
  [[1], 'records.0 is 1, want an object'],
  [[{ name: 'x', loss: 'y\nz' }], "records.0.loss is 'y z', want a number"],
  [[{ loss: 1 }], 'records.0.name is missing, want text'],
  [[{ name: 'x', loss: 1, how: 'c' }], "records.0.how is 'c', want one of a, b"],
])('%j: %s', (value, message) => {
  expect(() => check(listOf(record), value, 'records')).toThrow(message);
});
