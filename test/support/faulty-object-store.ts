/** Under the name by which the tests of the library know it. */
export * from '../../proof/rehearsal/faulty-object-store.ts';
