// The set-up on machines as people have them: real npm, pip and Python, in temporary folders.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { strToU8, type Zippable, zipSync } from 'fflate';
import { collect, command, python, root, start } from '../support/command';
import { folderOf, temporaryFolder } from '../support/idx';
import { requireLoopback } from '../support/loopback';

const temporary = temporaryFolder();

/** Runs code in which `environment`, `machine` and `install` are modules of scripts/, and reads what it prints. */
async function scripts(code: string, env: NodeJS.ProcessEnv = {}) {
  const imports = ['environment', 'machine', 'install'].map(
    (name) => `import * as ${name} from './scripts/setup/${name}.mjs';`,
  );
  const signal = 'const { signal } = new AbortController();';
  const all = `${imports.join('')}${signal}${code}`;
  const { code: status, stdout, stderr } = await command(['--input-type=module', '-e', all], env);
  return { status, stdout: stdout.trim(), stderr };
}

/** Runs code that must throw a UserError, and returns its message. */
async function refusal(code: string, env?: NodeJS.ProcessEnv): Promise<string> {
  const caught = `try { ${code} } catch (error) { console.log(error.constructor.name + ': ' + error.message) }`;
  const { stdout, stderr } = await scripts(caught, env);
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^UserError: /);
  return stdout.slice('UserError: '.length);
}

describe('the Python environment', () => {
  const chosen = async (prefix: string) => {
    const { stdout } = await scripts(
      'console.log(JSON.stringify(environment.pythonEnvironment()))',
      {
        CONDA_PREFIX: prefix,
        CONDA_DEFAULT_ENV: 'mine',
      },
    );
    return JSON.parse(stdout);
  };

  test("a conda environment of the user's own is left alone, and doctor says so", async () => {
    const mine = folderOf(temporary, 'mine', {
      'conda-meta/state': '{"env_vars": {"OTHER": "1"}, "pkg_env_vars": {}, "version": 1}',
    });
    expect(await chosen(mine)).toMatchObject({
      conda: false,
      prefix: path.join(root, '.venv'),
      foreign: mine,
    });
    const { stdout } = await scripts(
      `const steps = await import('./scripts/setup/steps.mjs');
      console.log(steps.setupSteps().find(({ name }) => name === 'Python environment').good)`,
      { CONDA_PREFIX: mine },
    );
    expect(stdout).toBe(`.venv (the conda environment ${mine} was not made from environment.yml)`);
    expect(fs.readdirSync(mine)).toEqual(['conda-meta']);
  });

  test('one made from environment.yml is used', async () => {
    // conda writes the file's `variables` to conda-meta/state.
    const [, name, value] = /^variables:\n(?: +#.*\n)* +(\w+): "(\w+)"$/m.exec(
      fs.readFileSync(path.join(root, 'environment.yml'), 'utf8'),
    )!;
    const ours = folderOf(temporary, 'ours', {
      'conda-meta/state': JSON.stringify({ env_vars: { [name]: value } }),
    });
    expect(await chosen(ours)).toMatchObject({ conda: true, prefix: ours });
  });

  test('all pins suit every Python that we support, and each other', async () => {
    const { stdout, stderr } = await python('test/support/check_pins.py');
    expect([stdout, stderr]).toEqual(['3.11.0 3.12.0 3.13.0\n', '']);
  });

  test('a Python or a machine without TensorFlow is refused before pip starts', async () => {
    const folder = folderOf(temporary, 'python', { 'python3.14': '#!/bin/sh\necho 3.14\n' });
    const newer = path.join(folder, 'python3.14');
    fs.chmodSync(newer, 0o755);
    const tooNew = `TensorFlow 2.21.0 has no build for Python 3.14 (${newer}): `;
    expect(await refusal("machine.findPython('2.21.0')", { PYTHON: newer })).toContain(
      `${tooNew}install Python 3.13 `,
    );
    expect(await refusal(`machine.checkPython('${newer}', '2.21.0')`)).toContain(
      `${tooNew}delete the conda environment `,
    );
    expect(await refusal("machine.findPython('2.21.0')", { PYTHON: '/none' })).toMatch(
      /'\/none', the value of PYTHON, is not a Python/,
    );
    const on = (platform: string, arch: string) =>
      refusal(
        `Object.defineProperties(process, { platform: { value: '${platform}' }, arch: { value: '${arch}' } });` +
          "machine.checkPlatform('2.21.0')",
      );
    expect(await on('darwin', 'x64')).toBe(
      'TensorFlow 2.21.0 has no build for macOS on Intel: use a Mac with Apple silicon (and Node for arm64), or Linux.',
    );
    expect(await on('linux', 'arm')).toMatch(/no build for linux on arm: use Linux on x86-64/);
  });
});

/** A wheel with `files`, and a program if there is a `script`. */
function wheel(
  name: string,
  version: string,
  files: Record<string, string>,
  script?: string,
): Buffer {
  const info = `${name}-${version}.dist-info`;
  const program: Zippable = script
    ? {
        [`${name}-${version}.data/scripts/${name}`]: [
          strToU8(script),
          { os: 3, attrs: 0o100755 * 65536 },
        ],
      }
    : {};
  const texts = {
    ...files,
    [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`,
    [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    [`${info}/RECORD`]: '',
  };
  const entries = Object.entries(texts).map(([file, text]) => [file, strToU8(text)]);
  return Buffer.from(zipSync({ ...Object.fromEntries(entries), ...program }));
}

/** The Python that the set-up installed the project's packages for. */
const ourPython = async () =>
  (await scripts('console.log(environment.pythonEnvironment().python)')).stdout;

/** A wheel whose program starts the uv of the project's environment. */
async function uvWheel(version: string): Promise<Buffer> {
  const uv = path.join(path.dirname(await ourPython()), 'uv');
  return wheel('uv', version, {}, `#!/bin/sh\nexec '${uv}' "$@"\n`);
}

/** Python, except that `-m venv` copies pip from the project's environment: ensurepip takes seconds. */
async function quickPython(): Promise<string> {
  const ours = await ourPython();
  const folder = folderOf(temporary, 'quick', {
    python: `#!/bin/sh
if [ "$2" != venv ]; then exec '${ours}' "$@"; fi
'${ours}' -m venv --without-pip "$3" && cp -r "$(dirname '${ours}')"/../lib/python3*/site-packages/pip* "$3"/lib/python3*/site-packages
`,
  });
  fs.chmodSync(path.join(folder, 'python'), 0o755);
  return path.join(folder, 'python');
}

// Settings that send packages elsewhere, or leave some out.
const hostile = {
  ...{ PIP_USER: '1', PIP_TARGET: path.join(temporary, 'target'), PIP_REQUIRE_VIRTUALENV: '1' },
  ...{ PIP_PREFIX: path.join(temporary, 'prefix'), PIP_CONSTRAINT: '/none' },
  ...{ PYTHONHOME: '/none', PYTHONPATH: path.join(temporary, 'shadow'), NODE_ENV: 'production' },
  ...{ NODE_OPTIONS: '--max-old-space-size=100', npm_config_omit: 'dev' },
  ...{ npm_config_global: 'true', NPM_CONFIG_PREFIX: path.join(temporary, 'npm-prefix') },
};

describe('installs', () => {
  test('settings about sources stay, others do not reach npm and pip', async () => {
    const sources = {
      ...{
        PIP_INDEX_URL: 'https://pip.example/',
        PIP_CERT: '/ca.pem',
        HTTPS_PROXY: 'http://proxy',
      },
      ...{ npm_config_registry: 'https://npm.example/', NPM_CONFIG_CAFILE: '/ca.pem' },
      ...{ 'npm_config_//npm.example/:_authToken': 'secret', NODE_EXTRA_CA_CERTS: '' },
    };
    const print = 'console.log(JSON.stringify(install.installEnvironment()))';
    const env = { ...hostile, ...sources, NODE_OPTIONS: '--use-openssl-ca --trace-warnings' };
    const reached = JSON.parse((await scripts(print, env)).stdout);
    expect(reached).toMatchObject({ ...sources, NODE_OPTIONS: '--use-openssl-ca' });
    for (const name of Object.keys(hostile)) {
      if (name !== 'NODE_OPTIONS') expect(reached).not.toHaveProperty(name);
    }
  });

  test('programs get neither PYTHONPATH nor PYTHONHOME', async () => {
    const print = 'console.log(JSON.stringify(environment.runtimeEnvironment()))';
    const { stdout } = await scripts(print, hostile);
    const reached = JSON.parse(stdout);
    for (const name of ['PYTHONPATH', 'PYTHONHOME']) expect(reached).not.toHaveProperty(name);
  });

  test('uv gets the settings of pip about sources', async () => {
    const pip = {
      ...{ PIP_INDEX_URL: 'https://pip.example/', PIP_EXTRA_INDEX_URL: 'https://a/\nhttps://b/' },
      ...{ PIP_FIND_LINKS: '/a /b', PIP_TRUSTED_HOST: 'a b', PIP_TIMEOUT: '9', PIP_RETRIES: '2' },
      ...{ PIP_CERT: '/ca.pem', PIP_CLIENT_CERT: '/me.pem', PIP_PROXY: 'http://proxy' },
      ...{ PIP_CACHE_DIR: '/cache', PIP_KEYRING_PROVIDER: 'import' },
      ...{ UV_HTTP_TIMEOUT: '7', UV_OVERRIDE: '/none', UV_TARGET: '/none', UV_PYTHON: '/none' },
    };
    const print =
      'console.log(JSON.stringify(install.uvEnvironment(install.installEnvironment())))';
    const reached = JSON.parse((await scripts(print, pip)).stdout);
    expect(reached).toMatchObject({
      ...{ UV_DEFAULT_INDEX: 'https://pip.example/', UV_INDEX: 'https://a/ https://b/' },
      ...{ UV_FIND_LINKS: '/a,/b', UV_INSECURE_HOST: 'a b', UV_HTTP_RETRIES: '2' },
      ...{ SSL_CERT_FILE: '/ca.pem', SSL_CLIENT_CERT: '/me.pem' },
      ...{ HTTP_PROXY: 'http://proxy', HTTPS_PROXY: 'http://proxy' },
      ...{ UV_CACHE_DIR: '/cache/uv', UV_KEYRING_PROVIDER: 'subprocess', UV_NO_CONFIG: '1' },
      UV_HTTP_TIMEOUT: '7', // the user's setting of uv itself
    });
    for (const name of ['UV_OVERRIDE', 'UV_TARGET', 'UV_PYTHON']) {
      expect(reached).not.toHaveProperty(name);
    }
  });

  test('uv installs into its environment, with the mirror of pip.conf; if it fails, pip does', async () => {
    const wheels = folderOf(temporary, 'wheels', {
      'uv-1-py3-none-any.whl': await uvWheel('1'),
      'uv-2-py3-none-any.whl': wheel('uv', '2', {}, '#!/bin/sh\necho broken >&2; exit 1\n'),
      'mine-1.0-py3-none-any.whl': wheel('mine', '1.0', { 'mine.py': '' }),
      'yours-1.0-py3-none-any.whl': wheel('yours', '1.0', { 'yours.py': '' }),
    });
    const home = folderOf(temporary, 'home', {
      '.config/pip/pip.conf':
        `[global]\nno-index = true\nfind-links =\n  ${temporary}\n  ${wheels}\n` +
        'user = true\nquiet = 3\nrequire-hashes = true\n[install]\ntarget = /none\nno-binary = :all:\n',
    });
    folderOf(temporary, 'shadow', { 'json.py': 'raise SystemExit("shadow")' });
    const prefix = path.join(temporary, 'venv');
    expect((await collect(await quickPython(), ['-m', 'venv', prefix], process.env)).code).toBe(0);
    const program = path.join(prefix, 'bin', 'python');
    const { stdout: notes, stderr } = await scripts(
      `const packages = await install.pythonPackageManager('${program}', signal);
      console.log(await packages.install('uv==1', ['--no-deps', 'mine==1.0']));
      console.log(await packages.install('uv==2', ['yours==1.0']));`,
      // Without the developer's own settings, so that HOME's file counts.
      { ...hostile, HOME: home, PIP_CONFIG_FILE: '', XDG_CONFIG_HOME: '', PIP_FIND_LINKS: '' },
    );
    expect(stderr).toBe('');
    expect(notes.split('\n')).toEqual([
      'undefined',
      'installed with pip, which takes longer, because uv failed: broken',
    ]);
    const installers = `import mine, yours
from importlib.metadata import distribution
for module in mine, yours:
    print(module.__file__, distribution(module.__name__).read_text("INSTALLER").strip())`;
    const { stdout } = spawnSync(program, ['-c', installers], { encoding: 'utf8' });
    expect(stdout).toMatch(
      new RegExp(`^${prefix}/\\S+/mine\\.py uv\\n${prefix}/\\S+/yours\\.py pip\\n$`),
    );
  }, 180_000);

  test('npm installs development packages into the folder', async () => {
    const folder = folderOf(temporary, 'npm', {
      'package.json': '{"devDependencies": {"mine": "file:mine"}}',
      'mine/package.json': '{"name": "mine", "version": "1.0.0"}',
      'package-lock.json': JSON.stringify({
        lockfileVersion: 3,
        packages: {
          '': { devDependencies: { mine: 'file:mine' } },
          mine: { version: '1.0.0', dev: true },
          'node_modules/mine': { resolved: 'mine', link: true },
        },
      }),
      npmrc: 'omit[]=dev\nomit[]=optional\nglobal=true\ndry-run=true\ninstall-strategy=linked\n',
    });
    const { stderr } = await scripts(`await install.npmCi(signal, '${folder}');`, {
      ...hostile,
      npm_config_userconfig: path.join(folder, 'npmrc'),
    });
    expect(stderr).toBe('');
    expect(fs.existsSync(path.join(folder, 'node_modules', 'mine', 'package.json'))).toBe(true);
  }, 180_000);

  /** A copy of what the set-up needs. */
  const project = () => {
    const folder = fs.mkdtempSync(path.join(temporary, 'a project '));
    for (const name of ['scripts', 'package-lock.json', 'environment.yml'])
      fs.cpSync(path.join(root, name), path.join(folder, name), { recursive: true });
    return folder;
  };
  const setup = 'scripts/setup/setup.mjs';

  /** A project with few packages, which lie in its folder, and a patch of one line. */
  const smallProject = async () => {
    const folder = project();
    const libraries = ['tensorflow_cc', 'tensorflow_framework'].map(
      (name) => `tensorflow/lib${name}.so.2`,
    );
    const tensorflow = wheel('tensorflow_cpu', '2.21.0', {
      'tensorflow/include/tensorflow/c/c_api.h': '',
      ...Object.fromEntries(libraries.map((file) => [file, '/* a linker script */'])),
    });
    // pip's variable cannot contain a path with a space; the project's path does.
    const wheels = folderOf(temporary, 'small', {
      'tensorflow_cpu-2.21.0-py3-none-any.whl': tensorflow,
      'uv-1-py3-none-any.whl': await uvWheel('1'),
      'mine-1.0-py3-none-any.whl': wheel('mine', '1.0', { 'mine/__init__.py': '' }),
      'yours-1.0-py3-none-any.whl': wheel('yours', '1.0', { 'yours/__init__.py': '' }),
    });
    const binding = '@tensorflow/tfjs-node-gpu';
    folderOf(folder, '.', {
      'environment.yml':
        'dependencies:\n  - pip:\n' +
        '    - tensorflow-cpu==2.21.0\n    - uv==1\n    - mine==1.0\n    - yours==1.0\n',
      'scripts/native/tfjs-node-gpu.patch':
        '--- a/binding/one.cc\n+++ b/binding/one.cc\n@@ -1 +1 @@\n-int one = 0;\n+int one = 1;\n',
      'src/tf/adamw.h': '',
      'packages/binding/package.json': `{"name": "${binding}", "version": "1.0.0"}`,
      'packages/binding/binding/one.cc': 'int one = 0;\n',
    });
    fs.cpSync(path.join(root, 'node_modules/diff'), path.join(folder, 'packages/diff'), {
      recursive: true,
    });
    const packages: Record<string, string> = { diff: 'diff', [binding]: 'binding' };
    const dependencies: Record<string, string> = {};
    const locked: Record<string, object> = {};
    for (const [name, place] of Object.entries(packages)) {
      const archive = `packages/${place}.tgz`;
      const tar = ['-czf', archive, '-C', 'packages', `--transform=s/^${place}/package/`, place];
      expect(spawnSync('tar', tar, { cwd: folder }).status).toBe(0);
      dependencies[name] = `file:${archive}`;
      const { version } = JSON.parse(
        fs.readFileSync(path.join(folder, 'packages', place, 'package.json'), 'utf8'),
      );
      locked[`node_modules/${name}`] = { version, resolved: `file:${archive}` };
    }
    folderOf(folder, '.', {
      'package.json': JSON.stringify({ dependencies }),
      'package-lock.json': JSON.stringify({
        ...{ lockfileVersion: 3, packages: { '': { dependencies }, ...locked } },
      }),
    });
    const env: NodeJS.ProcessEnv = {
      ...{ ...process.env, PYTHON: await quickPython(), CONDA_PREFIX: '', TUTORIAL_DEVICE: 'cpu' },
      ...{ PIP_CONFIG_FILE: '/dev/null', PIP_NO_INDEX: '1', PIP_EXTRA_INDEX_URL: '' },
      ...{ PIP_FIND_LINKS: wheels, PIP_CACHE_DIR: path.join(folder, 'cache') },
      ...{ npm_config_offline: 'true', npm_config_cache: path.join(folder, 'npm-cache') },
    };
    return { folder, env };
  };

  test('killed at any moment, it is mended by the next run', async () => {
    const { folder, env } = await smallProject();
    /** Kills the set-up, with all that it has started, `delay` after `file` has appeared. */
    const run = async (file?: string, delay = 0) => {
      const child = spawn(process.execPath, [setup], { cwd: folder, env, detached: true });
      const kill = () => child.exitCode ?? process.kill(-child.pid!, 'SIGKILL');
      const watch = setInterval(() => {
        if (!file || !fs.existsSync(path.join(folder, file))) return;
        clearInterval(watch);
        setTimeout(kill, delay);
      }, 2);
      let output = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (text) => {
          output += text;
        });
      }
      const [code] = await once(child, 'close');
      clearInterval(watch);
      return { code, output };
    };
    const installed = () =>
      ['node_modules', '.venv']
        .flatMap((name) => {
          const all = fs.readdirSync(path.join(folder, name), { recursive: true }) as string[];
          return all.map((file) => path.join(name, file));
        })
        .filter((name) => !/__pycache__|\blib64\b/.test(name))
        .sort();

    expect((await run()).output.match(/✓ .*(?=:)|^ {4}.*|^Ready.*/gm)?.sort()).toEqual([
      'Ready.',
      ...['✓ Jupyter kernel', '✓ Python packages in .venv (CPU)', '✓ TensorFlow binding'],
      '✓ npm packages',
    ]);
    const wanted = installed();
    for (const name of ['node_modules', '.venv']) {
      fs.rmSync(path.join(folder, name), { recursive: true });
    }
    const stages = wanted.filter((name) => /(package\.json|METADATA|\.o|\.node)$/.test(name));
    const seed = Number(process.env.SEED ?? Date.now() % 10_000);
    const random = (i: number) => (Math.abs(Math.sin(seed + i)) * 1e4) % 1;
    const kills = [0, 1].map((i) => ({
      file: stages[Math.floor(random(2 * i) * stages.length)],
      delay: 50 * random(2 * i + 1),
    }));
    for (const { file, delay } of kills) {
      const { code, output } = await run(file, delay);
      expect({ seed, code, output }).not.toMatchObject({ code: 1 });
    }
    const mended = await run();
    expect({ seed, ...mended }).toMatchObject({ seed, code: 0 });
    expect(mended.output).toMatch(/^Ready(: nothing to do)?\.$/m);
    const missing = wanted.filter((file) => !fs.existsSync(path.join(folder, file)));
    expect({ seed, missing }).toEqual({ seed, missing: [] });
    expect(installed()).toEqual(wanted);
    const doctor = await start(process.execPath, ['scripts/setup/doctor.mjs', '--json'], {
      ...{ cwd: folder, env },
    });
    const { checks } = JSON.parse(doctor.stdout) as { checks: { name: string; ok: boolean }[] };
    const done = ['Node', 'npm packages', 'Python environment', 'TensorFlow wheel', 'Binding'];
    expect(checks.slice(0, 5)).toMatchObject(done.map((name) => ({ name, ok: true })));
  }, 180_000);

  test('a folder that cannot be written is named, with its owner', () => {
    const folder = project();
    fs.chmodSync(temporary, 0o755);
    fs.chmodSync(folder, 0o555);
    const isRoot = process.getuid!() === 0; // who may write everywhere
    const { stdout, stderr, status } = spawnSync(process.execPath, [setup], {
      ...{ encoding: 'utf8', cwd: folder, ...(isRoot ? { uid: 65534, gid: 65534 } : {}) },
    });
    fs.chmodSync(folder, 0o755);
    const why = isRoot
      ? 'belongs to user root, and you \\(.+\\) cannot write to it: run "sudo chown -R 65534 .*"'
      : 'is write-protected: run "chmod -R u\\+w .*"';
    expect(stderr).toMatch(
      new RegExp(
        `^(note: .*\\n)?error: '${folder}' ${why}, or copy the project to a folder of your own\\.\n$`,
      ),
    );
    expect([stdout, status]).toEqual(['', 1]);
  });

  test('too few open files are refused before npm starts', () => {
    const { stderr, status } = spawnSync(
      'sh',
      ['-c', `ulimit -n 200 && '${process.execPath}' ${setup}`],
      { encoding: 'utf8', cwd: project() },
    );
    expect([stderr, status]).toEqual([
      expect.stringMatching(/^error: Too few files may be open at once for npm: .*\n$/),
      1,
    ]);
  });
});

describe('the network', () => {
  requireLoopback();
  const servers: http.Server[] = [];
  afterAll(() => {
    for (const server of servers) server.close();
  });
  const listen = async (server: http.Server) => {
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  };

  test('an unknown certificate: the error names what to set, and then it is accepted', async () => {
    const file = path.join(root, 'test', 'fixtures', 'certificate.pem');
    const pem = fs.readFileSync(file);
    const programs = new Set<string>();
    const server = https.createServer({ key: pem, cert: pem }, (request, response) => {
      programs.add(request.headers['user-agent']!.split('/')[0]);
      response.writeHead(404).end();
    });
    const port = await listen(server);
    const url = `https://127.0.0.1:${port}/`;
    const folder = folderOf(temporary, 'tls', {
      'package.json': '{"dependencies": {"mine": "1.0.0"}}',
      'package-lock.json': JSON.stringify({
        lockfileVersion: 3,
        packages: {
          '': { dependencies: { mine: '1.0.0' } },
          'node_modules/mine': { version: '1.0.0', resolved: `${url}mine.tgz` },
        },
      }),
    });
    const env = {
      ...{ npm_config_registry: url, npm_config_fetch_retries: '0', PIP_RETRIES: '1' },
      ...{ PIP_INDEX_URL: url, PIP_CONFIG_FILE: '/dev/null', PIP_FIND_LINKS: '' },
      npm_config_cache: path.join(temporary, 'npm-cache'),
      // These would win over NODE_EXTRA_CA_CERTS and PIP_CERT.
      ...{ REQUESTS_CA_BUNDLE: '', CURL_CA_BUNDLE: '' },
      ...{
        npm_config_cafile: '',
        npm_config_userconfig: '/dev/null',
        npm_config_globalconfig: '/none',
      },
    };
    const npm = `await install.npmCi(signal, '${folder}')`;
    // Of a version that is there, so that the server is asked for the other package only.
    const python = `const packages = await install.pythonPackageManager('${await ourPython()}', signal);
      await packages.install('uv', ['--no-deps', 'mine==1.0'])`;
    const trust = { NODE_EXTRA_CA_CERTS: file, PIP_CERT: file };
    for (const install of [npm, python]) {
      expect(await refusal(install, { ...env, PIP_CERT: '', NODE_EXTRA_CA_CERTS: '' })).toMatch(
        /^The certificate .* set both NODE_EXTRA_CA_CERTS and PIP_CERT to the file .* again\.\n'.*' failed /,
      );
      expect(programs).toEqual(new Set());
      expect(await refusal(install, { ...env, ...trust })).toMatch(/^'.*' failed /);
      expect([...programs].sort()).toEqual(install === npm ? ['npm'] : ['pip', 'uv']);
      programs.clear();
    }
  }, 180_000);

  test('npm run asks the network for nothing', async () => {
    let requests = 0;
    const port = await listen(
      http.createServer((_, response) => {
        requests++;
        response.end('{"dist-tags": {"latest": "99.0.0"}, "versions": {"99.0.0": {}}}');
      }),
    );
    const rc = folderOf(temporary, 'npmrc', { npmrc: `registry=http://127.0.0.1:${port}/\n` });
    const { code } = await collect('npm', ['run', 'doctor', '--', '--help'], {
      ...process.env,
      ...{ CI: 'false', npm_config_userconfig: path.join(rc, 'npmrc') },
      npm_config_cache: path.join(temporary, 'empty-cache'), // with no note of an earlier check
    });
    expect([code, requests]).toEqual([0, 0]);
  });
});
