package messages

import (
	"cmp"
	"context"

	"ravi-mcp/internal/inbox"
	"ravi-mcp/tools/tool"
)

type waitForMessageParams struct {
	waitParams
	MaxCharacters int `json:"max_characters,omitempty" jsonschema:"minimum=100,maximum=50000" jsonschema_description:"Of the text (default 8000)."`
}

type waitForMessageResult struct {
	waitOutcome
	Message *arrivedMessage `json:"message,omitempty" jsonschema_description:"The newest that fits."`
	Reason  string          `json:"reason,omitempty"`
}

type arrivedMessage struct {
	messageHead
	Excerpt   string `json:"excerpt" jsonschema_description:"What stands around a code or link, else the beginning."`
	Text      string `json:"text"`
	Truncated bool   `json:"truncated" jsonschema_description:"The text goes on; read_message has more."`
}

func (h *handlers) waitForMessage(ctx context.Context, call tool.Call, p waitForMessageParams) (waitForMessageResult, error) {
	w, err := h.wait(ctx, call, p.waitParams, func(r *inbox.Request) { r.Messages = true })
	if err != nil {
		return waitForMessageResult{}, err
	}
	r := waitForMessageResult{waitOutcome: w.outcome(p.waitParams), Reason: w.result.Reason}
	if w.result.Status != inbox.Found {
		return r, nil
	}
	a := answerOf(w.result.Answer)
	text, cut := cutText(w.result.Message.Text.Reveal(), cmp.Or(p.MaxCharacters, defaultMax))
	r.Message = &arrivedMessage{
		messageHead: messageHead{
			untrusted: untrusted{true}, ID: a.MessageID, Channel: a.Channel, From: a.From, Subject: a.Subject, ReceivedAt: w.result.Message.Created,
		},
		Excerpt: a.Excerpt, Text: text, Truncated: cut || w.result.Message.Truncated,
	}
	return r, nil
}

// cutText returns at most limit characters of a text that is clean already.
func cutText(text string, limit int) (string, bool) {
	runes := []rune(text)
	if len(runes) <= limit {
		return text, false
	}
	return string(runes[:limit]), true
}
