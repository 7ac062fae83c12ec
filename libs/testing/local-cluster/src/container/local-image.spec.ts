import fc from 'fast-check';
import { localImageOf, parseLocalImages, type LocalImage } from './local-image.js';

describe('localImageOf', () => {
  const image = (program: string): LocalImage => ({ entrypoint: [program], files: {} });
  const images = { 'reg:5000/a': image('any'), 'reg:5000/a:v2': image('two'), b: image('b') };

  it.each([
    ['reg:5000/a', 'any'],
    ['reg:5000/a:v1', 'any'],
    ['reg:5000/a@sha256:00', 'any'],
    ['reg:5000/a:v2', 'two'],
    ['reg:5000/a:v2@sha256:00', 'two'],
    ['b:latest', 'b'],
    ['other/b', undefined],
    ['reg', undefined],
    ['toString', undefined],
  ])('%s is %s: a name with a tag is for that tag alone, one without for all', (reference, program) =>
    expect(localImageOf(images, reference)?.entrypoint[0]).toBe(program),
  );
});

describe('parseLocalImages', () => {
  it('files are taken from the folder of the file', () =>
    expect(
      parseLocalImages('{"a": {"entrypoint": ["/x", "-v"], "files": {"/x": "bin/x", "/y": "/etc/y"}}}', '/f'),
    ).toEqual({
      ok: true,
      value: { a: { entrypoint: ['/x', '-v'], files: { '/x': '/f/bin/x', '/y': '/etc/y' } } },
    }));

  it.each([
    ['[', 'not JSON'],
    ['[]', 'want an object of images by name'],
    ['{"a": 1}', '"a": want an object with entrypoint and files'],
    ['{"a": {}}', '"a": entrypoint: want a list of words'],
    ['{"a": {"entrypoint": [1]}}', '"a": entrypoint: want a list of words'],
    ['{"a": {"entrypoint": ["/x"], "env": {}}}', '"a": env: no such field'],
    [
      '{"a": {"entrypoint": ["/x"], "files": {"x": "y"}}}',
      '"a": files["x"]: the path in the container must be absolute',
    ],
    ['{"a": {"entrypoint": ["/x"], "files": {"/x": ""}}}', '"a": files["/x"]: want the path of a file here'],
  ])('%s is refused with image, field and what is wanted', (text, reason) =>
    expect(parseLocalImages(text, '/f')).toEqual({ ok: false, error: expect.stringContaining(reason) as string }),
  );

  it('never throws', () =>
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => typeof parseLocalImages(text, '/f').ok === 'boolean'),
    ));
});
