// Package lease deletes ephemeral identities: those that were made for a task
// and are not used any more. A Manager notes a creation before it is sent, renews
// the lease with every use, and deletes the identity when its time is over.
package lease
