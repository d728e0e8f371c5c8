// Package lease deletes ephemeral identities: those that were made for a task and are not used any
// more (ARCHITECTURE.md#ephemeral-identities).
//
// A Manager notes a creation before it is sent (Begin), renews the lease with every use (Used), and
// deletes the identity when its time is over (Start). Where the notes are is up to two back ends:
// journals, files of one process each, and shared, a Registry that all replicas reach. Where the
// answer to a creation was lost, settling the lease begins with looking for the identity.
package lease
