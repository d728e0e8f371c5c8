package otp

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

// sections are the classes by the headers of their lists.
var sections = map[string]class{
	"code-name":         clCodeName,
	"code-noun":         clCodeNoun,
	"code-verb":         clCodeVerb,
	"copula":            clCopula,
	"code-hint":         clCodeHint,
	"other-number":      clOtherNumber,
	"other-topic":       clOtherTopic,
	"booking":           clBooking,
	"neutral-modifier":  clNeutralModifier,
	"number-prefix":     clNumberPrefix,
	"unit":              clUnit,
	"money":             clMoney,
	"month":             clMonth,
	"with-word":         clWithWord,
	"or-word":           clOrWord,
	"ordinary-word":     clOrdinaryWord,
	"expired":           clExpired,
	"outdated":          clOutdated,
	"condition":         clCondition,
	"later":             clLater,
	"ago":               clAgo,
	"used":              clUsed,
	"handover":          clHandover,
	"or-link":           clOrLink,
	"link-verb":         clLinkVerb,
	"link-signin":       clLinkSignIn,
	"link-click":        clLinkClick,
	"link-other":        clLinkOther,
	"code-entry-page":   clCodeEntryPage,
	"event-reply":       clEventReply,
	"url-verb":          clURLVerb,
	"url-other":         clURLOther,
	"url-token-key":     clURLTokenKey,
	"subject-reply":     clSubjectReply,
	"subject-forward":   clSubjectForward,
	"attribution":       clAttribution,
	"original-message":  clOriginalMessage,
	"forwarded-message": clForwardedMessage,
	"mail-header":       clMailHeader,
	"stop-word":         clStopWord,
	"link-label":        clLinkLabel,
	"account":           clAccount,
	"payment-code":      clPaymentCode,
	"paid":              clPaid,
	"meeting":           clMeeting,
	"elsewhere":         clElsewhere,
	"meeting-code":      clMeetingCode,
	"subject-auto":      clSubjectAuto,
	"other-object":      clOtherObject,
}

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
