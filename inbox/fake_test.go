package inbox_test

import (
	"context"
	"iter"
	"time"

	"ravi-mcp/inbox"
	"ravi-mcp/ravi"
)

// slowSource never finishes a list of SMS before its context ends.
type slowSource struct {
	inbox.Source
	began chan struct{}
	ended chan time.Time
}

func (s *slowSource) SMSMessages(ctx context.Context, _ ravi.MessageFilter) iter.Seq2[ravi.SMSMessage, error] {
	return func(yield func(ravi.SMSMessage, error) bool) {
		s.began <- struct{}{}
		<-ctx.Done()
		s.ended <- time.Now()
		yield(ravi.SMSMessage{}, ctx.Err())
	}
}
