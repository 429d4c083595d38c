/** @type {import('jest').Config} */
module.exports = {
  roots: ['<rootDir>/test'],
  // One folder, several files, one TensorFlow each: more than one worker would only share the cores.
  maxWorkers: 1,
  testEnvironment: './test/support/environment.js',
  // tsc checks the types, once, for everything; here they are only stripped.
  transform: { '\\.ts$': ['ts-jest', { transpilation: true }] },
  testTimeout: 60_000,
};
