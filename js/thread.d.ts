/** Runs as the Worker of `gigavector/worker`; its address is what is imported, not itself. */
export {};
