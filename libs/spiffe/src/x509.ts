// @peculiar/x509 needs the reflect polyfill before it loads, so this is the only module that imports it.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { webcrypto } from 'node:crypto';

x509.cryptoProvider.set(webcrypto);

export { x509 };
