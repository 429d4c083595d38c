/**
 * jest gives each test file its own globals, so that its `Float32Array` is not the one that TensorFlow's
 * native code returns, and `instanceof` fails inside tfjs. Here the outer ones are handed in.
 */
const { TestEnvironment } = require('jest-environment-node');

module.exports = class extends TestEnvironment {
  async setup() {
    await super.setup();
    Object.assign(this.global, {
      ArrayBuffer,
      Float32Array,
      Int32Array,
      Uint8Array,
      Uint8ClampedArray,
      Uint32Array,
    });
  }
};
