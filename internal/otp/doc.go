// Package otp finds the one-time code and the verification link in one received message. It is
// pure: the same message always gives the same [Verdict], nothing is fetched, and nothing outside
// the message is read.
//
// # What counts
//
// A code is a value the reader is to type to prove control of a phone or an address, to sign in or
// up, to reset a password, to pair a device or to approve one transaction. Pickup, locker, ride and
// door PINs, booking, order and tracking numbers, promotion and gift codes, meeting PINs, lists of
// recovery codes, Wi-Fi passwords, codes that the message calls used or expired, and codes that
// stand only in the quoted part of a reply are not codes. A code in a forwarded message is one.
//
// A link is the one URL that by itself signs in, confirms, activates, accepts an invitation,
// approves, or opens the password form. Plain log-in pages and links that review, deny, cancel or
// unsubscribe are not links.
//
// # How it works
//
//  1. [Extract] builds pages: subject, visible HTML, hidden preheader, plain
//     text. The HTML walker drops what a person does not see and keeps what
//     tables and spans split.
//  2. Quoted replies are cut; a forward is kept whole.
//  3. An origin-bound last line (@host #code) is the answer by itself. The
//     11-character app hash of SMS Retriever is removed.
//  4. Candidates are collected by shape. Each has features: which words stand
//     where around it, its shape, how it is set off, what the message speaks of.
//     weights.tsv says what a feature is worth; reasons name those that decided.
//     The value of a code decides nothing.
//  5. The best value wins if it is plausible and clearly ahead of the next
//     different one; otherwise there is no code, and the candidates say why.
//  6. Links have features too: label, words around, subject, path, token.
//
// Words of every language are data: see languages/README.md. Adding a language is adding a file.
// Stop words tell which languages a message can be in; what speaks against a code counts only in
// those. How well the committed messages are read is printed by go run ./internal/otp/fit.
//
// # Limits
//
// Each part of a message is read up to [MaxInput] bytes. Work is linear in that size. All functions
// are safe for concurrent use.
package otp
