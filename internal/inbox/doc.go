// Package inbox waits for the message with the code: it arms, watches and waits, for any number of
// callers at once.
//
//	hub := inbox.New(inbox.Config{Sealer: sealer})
//	defer hub.Close()
//	cursor, err := hub.Arm(ctx, target)           // before "send code" is pressed
//	res, err := hub.Wait(ctx, target, inbox.Request{Cursor: cursor, Service: "github.com"})
//	// res.Status: found, ambiguous, or pending: go on with res.Cursor
//
// # The rules
//
// New is what the cursor has not seen. Arming lists everything that Ravi has; none of it can ever
// answer. What arrives at Ravi afterwards can, whatever its id, its date or whether it was read.
// See [seenSet] for how a cursor remembers, and for what it cannot tell.
//
// The cursor is the whole state. A pending wait consumes nothing: a message that a filter skipped
// stays eligible. An answer comes with a new cursor, past the message and past everything that
// reached Ravi before it on the channels that the wait listened to; a channel that the request left
// out stays as it was. No newer cursor returns such a message again, nor an older code of the same
// sender that only becomes visible later. The same cursor asked again gives the same answer, or a
// newer one if one has come.
//
// Which one: several codes of one sender: the newest, and how many it superseded. Different
// senders, or one message with two plausible codes: all of them as ambiguous, never a guess. The
// same value twice is one answer, however it came: twice in a list, delivered twice, or by mail and
// SMS. A mail that is listed twice with the same Message-ID, sender and contents is one mail; if
// the cursor has seen the one, the other is not new.
//
// An SMS may come in parts that Ravi lists one by one. Parts of one sender that arrive within ten
// seconds are read as one if they count themselves ("(1/2)") or if all but the last are as long as
// a part can be, unless they hold a code each. An answer from an SMS that is plainly cut waits up
// to three seconds for the rest.
//
// # How messages are noticed
//
// There is one watcher per credential and identity, shared by all waits of all callers, started by
// the first and lingering after the last. Its event stream is only the wake-up; what Ravi lists is
// the truth. A wake-up after which nothing new is listed is read again after 50, 150 and 500 ms.
// Reads never overlap, and all who asked for one before it began share it.
//
// Without a stream, a channel is polled every two seconds and never more often, however many waits
// there are and whenever they come: a wait that joins others takes part in their next read (and if
// it is over before that, goes by what the last one showed). With a stream, reads are 15 s apart
// and only a safety net; but a channel is polled as if there were no stream until an event of its
// kind was seen with this credential, because not every Ravi announces both. Only channels that
// some wait listens to are read.
//
// Lists are read whole while they are small. A long one is narrowed by created_after, set ten
// minutes before Ravi's newest message by Ravi's own clock, once a comparison with the whole list
// has shown that the parameter is honoured; a whole list is read at the start, every 16th time, and
// when an announced message does not show. Where it is not honoured, lists are read to the end and,
// if they have many pages, less often.
//
// # Failures
//
// A failed arming gives no cursor. During a wait a failure that may pass is tried again, after the
// time that Ravi asks for, until the deadline; if Ravi could never be read, that error is the
// result and not pending. A failure that will not pass ends the wait at once. A message that cannot
// be read is a message without a code.
//
// # Limits
//
// The contents of the newest 200 unseen messages of a channel are looked at. Open waits are bounded
// per caller and in total, event streams in total.
package inbox
