import { chown, mkdir, readdir, readlink, rename, rm, symlink, writeFile, chmod } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { VolumeFile } from './volume-content.js';

const DATA = '..data';

/**
 * Fills a volume directory so that readers see either all old or all new files: they live in a directory of their own, `..data`
 * links to it, and the names that users see link to `..data/<name>`. An update swaps `..data` by rename.
 */
export class AtomicDirectory {
  #written: string | null = null;
  #generation = 0;

  constructor(
    private readonly path: string,
    /** Group that may read the files; null for root only by mode. */
    private readonly group: number | null,
  ) {}

  /** Writes if anything differs from the last time; says whether it did. */
  async write(files: ReadonlyMap<string, VolumeFile>): Promise<boolean> {
    const fingerprint = JSON.stringify(
      [...files].sort().map(([name, { content, mode }]) => [name, mode, content.toString('base64')]),
    );
    if (fingerprint === this.#written) return false;
    await mkdir(this.path, { recursive: true, mode: 0o755 });
    const generation = `..generation_${this.#generation++}`;
    await this.#fill(join(this.path, generation), files);
    const previous = await readlink(join(this.path, DATA)).catch(() => null);
    await symlink(generation, join(this.path, '..data_tmp'));
    await rename(join(this.path, '..data_tmp'), join(this.path, DATA));
    await this.#linkNames(new Set([...files.keys()].map((name) => name.split('/')[0]!)));
    if (previous !== null) await rm(join(this.path, previous), { recursive: true, force: true });
    this.#written = fingerprint;
    return true;
  }

  async #fill(directory: string, files: ReadonlyMap<string, VolumeFile>): Promise<void> {
    await mkdir(directory, { mode: 0o755 });
    for (const [name, { content, mode }] of files) {
      const file = join(directory, name);
      await mkdir(dirname(file), { recursive: true, mode: 0o755 });
      await writeFile(file, content);
      if (this.group !== null) await chown(file, 0, this.group).catch(() => undefined);
      await chmod(file, this.group === null ? mode : mode | 0o040);
    }
  }

  async #linkNames(names: ReadonlySet<string>): Promise<void> {
    // Directories are mount points of other volumes; a process may have them open, and they are not ours.
    const present = (await readdir(this.path, { withFileTypes: true }))
      .filter((entry) => !entry.name.startsWith('..') && !entry.isDirectory())
      .map(({ name }) => name);
    for (const name of present) if (!names.has(name)) await rm(join(this.path, name), { force: true });
    for (const name of names) if (!present.includes(name)) await symlink(join(DATA, name), join(this.path, name));
  }
}
