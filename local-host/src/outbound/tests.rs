//! Against real sockets on the loopback: what each failure is called, and that nothing outlives its caller.
