const BITS = 64;

/** One version for a set of resources, kept up to date resource by resource; the order does not matter. Names are part of the bodies that versions stand for. */
export class VersionSum {
  #sum = 0n;

  add(version: string): void {
    this.#sum = BigInt.asUintN(BITS, this.#sum + BigInt(`0x${version}`));
  }

  remove(version: string): void {
    this.#sum = BigInt.asUintN(BITS, this.#sum - BigInt(`0x${version}`));
  }

  get text(): string {
    return this.#sum.toString(16).padStart(BITS / 4, '0');
  }
}
