package otp

import "strings"

// class is a set of word classes, one bit each. languages/README.md says what each is for.
type class uint64

const (
	clCodeName class = 1 << iota
	clCodeNoun
	clCodeVerb
	clCopula
	clCodeHint
	clOtherNumber
	clOtherTopic
	clBooking
	clNeutralModifier
	clNumberPrefix
	clUnit
	clMoney
	clMonth
	clWithWord
	clOrWord
	clOrdinaryWord
	clExpired
	clOutdated
	clCondition
	clLater
	clAgo
	clUsed
	clHandover
	clOrLink
	clLinkVerb
	clLinkSignIn
	clLinkClick
	clLinkOther
	clCodeEntryPage
	clEventReply
	clURLVerb
	clURLOther
	clURLTokenKey
	clSubjectReply
	clSubjectForward
	clAttribution
	clOriginalMessage
	clForwardedMessage
	clMailHeader
	clStopWord
	clLinkLabel
	clAccount
	clPaymentCode
	clPaid
	clMeeting
	clElsewhere
	clMeetingCode
	clSubjectAuto
	clOtherObject
)

// sections are the classes by the headers of their lists, in the order of the constants.
var sections = func() map[string]class {
	m := make(map[string]class)
	for i, header := range strings.Fields(`
	code-name code-noun code-verb copula code-hint other-number other-topic booking neutral-modifier
	number-prefix unit money month with-word or-word ordinary-word expired outdated condition later
	ago used handover or-link link-verb link-signin link-click link-other code-entry-page event-reply
	url-verb url-other url-token-key subject-reply subject-forward attribution original-message
	forwarded-message mail-header stop-word link-label account payment-code paid meeting elsewhere
	meeting-code subject-auto other-object
	`) {
		m[header] = 1 << i
	}
	return m
}()

// exactClasses are looked up as whole strings only, never in running text.
const exactClasses = clSubjectAuto | clSubjectReply | clSubjectForward | clMailHeader | clNumberPrefix | clURLVerb | clURLOther | clURLTokenKey |
	clNeutralModifier | clOrWord | clWithWord | clLinkLabel

// labelClasses decide what a number is; the longest entry at a place hides what lies inside it. All
// other classes are cues about the message. They are looked up on their own, so that "do not share
// this code" hides no "code".
const labelClasses = clCodeName | clCodeNoun | clCodeVerb | clCopula | clOtherNumber | clUnit | clMoney | clMonth | clBooking | clPaymentCode | clMeetingCode

// negativeClasses speak against a code or a link, or cut a part of the message. Their entries count
// only where the message can be in their language, since without accents a word of one is often an
// ordinary word of another.
const negativeClasses = clOtherNumber | clOtherTopic | clExpired | clOutdated | clHandover | clOrdinaryWord |
	clLinkOther | clCodeEntryPage | clOtherObject | clEventReply | clPaid | clMeeting | clElsewhere | clAttribution | clOriginalMessage | clForwardedMessage
