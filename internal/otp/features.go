package otp

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// wordKind is what a word near a candidate says of it.
type wordKind uint8

const (
	wordName wordKind = iota // names a verification code and nothing else
	wordNoun                 // may name one
	wordVerb                 // asks for one or needs one
	numWordKinds
)

// place is where such a word stands.
type place uint8

const (
	placeBefore     place = iota // directly before, or with "is" or a colon between
	placeBehind                  // directly behind
	placeIntroduced              // farther before, where the candidate is introduced by a colon or "is"
	placeLeft                    // before, in the sentence
	placeOpens                   // behind, where the message begins with the candidate
	placeStarts                  // behind, where the sentence begins with it
	placeRight                   // behind, in the sentence
	placeNext                    // in the sentence beside, and the candidate stands by itself
	placeNear                    // in the sentence beside
	placeElsewhere               // anywhere in the message
	placeSubject                 // in the subject of another part
	numPlaces
)

var wordTexts = [numWordKinds]string{"words for a verification code", "a word for a code", "a request to enter it or to sign in"}

var placeTexts = [numPlaces]string{
	"directly before it", "directly behind it", "before it, with a colon or the like between", "before it in the sentence",
	"behind it, at the start of the message", "behind it, at the start of a sentence", "behind it in the sentence",
	"in the sentence beside, while it stands by itself", "in the sentence beside", "elsewhere", "in the subject",
}

// at returns the feature of a word of this kind in this place.
func (k wordKind) at(where place) feature { return feature(uint8(k)*uint8(numPlaces) + uint8(where)) }

// Features of codes, behind those of words and places.
const (
	featSixDigits feature = feature(numWordKinds)*feature(numPlaces) + iota
	featUsualDigits
	featSevenDigits
	featGrouped
	featUneven
	featDigitByDigit
	featPrefix
	featListedPrefix
	featMixed
	featMixedGroups
	featOffer
	featLetters
	featYear
	featDate
	featElsewhere
	featPercent
	featAlone
	featFirst
	featEmphasised
	featBracketed
	featIntroduced
	featMeans
	featOrLink
	featHint
	featHintAlone
	featRetriever
	featAtHost
	featLoneShort
	featLoneSentence
	featLoneAfterName
	featLoneName
	featLoneHint
	featLoneSignIn
	featLoneFirst
	featLoneSix
	featKeyed
	featBetween
	featQuantity
	featOtherKind
	featOtherHead
	featOtherMeans
	featOtherAt
	featOtherIntroduced
	featOtherNear
	featOtherBehind
	featTopicSentence
	featTopicNear
	featTopicSubject
	featHandover
	featBooking
	featHidden
	featBeforeNumber
	featAfterPrefix
	featNoPosition
	featSubjectToo
	featBothParts

	// Features of links.
	featLinkVerb
	featLinkSignIn
	featLinkClick
	featAroundVerb
	featAroundSignIn
	featBeforeLink
	featOnlyButton
	featOrClick
	featOrOpen
	featLinkSubject
	featLinkAccount
	featLinkObject
	featLinkBesideCode
	featPathActs
	featPathNames
	featOtherPath
	featLinkHint
	featTracker
	featToken
	featIdentifier
	featNoToken
	featButton
	featOnlyLink
	featOnlyLinkCode
	featRefused
	featRepeated

	numFeatures
)

var featureTexts = [numFeatures]string{
	featSixDigits:       "six digits",
	featUsualDigits:     "four, five or eight digits",
	featSevenDigits:     "seven digits",
	featGrouped:         "digits in groups",
	featUneven:          "uneven groups",
	featDigitByDigit:    "one digit at a time",
	featPrefix:          "digits behind a prefix",
	featListedPrefix:    "digits behind letters that number other things",
	featMixed:           "letters and digits",
	featOffer:           "a word with a number at its end, in an offer",
	featMixedGroups:     "letters and digits in groups",
	featLetters:         "letters only",
	featYear:            "may be a year",
	featDate:            "may be a date",
	featElsewhere:       "the message says that the code comes another way",
	featPercent:         "the message speaks of percentages, and of no sign-in",
	featAlone:           "alone on its line",
	featFirst:           "the whole first sentence",
	featEmphasised:      "set off in bold or large type",
	featBracketed:       "in brackets or quotation marks",
	featIntroduced:      "introduced by a colon or the like",
	featMeans:           "the text says to do something with it",
	featOrLink:          "offered beside a link",
	featHint:            "the message says to keep a code to oneself or how long it works",
	featHintAlone:       "no word for a code, but what goes with one",
	featRetriever:       "a message that an app reads by itself",
	featAtHost:          "bound to a host, in a form that is not quite the usual",
	featLoneShort:       "the only number of a short message, in a frame",
	featLoneSentence:    "the only number of a short message, in a sentence about signing in",
	featLoneAfterName:   "the only number, behind a name",
	featLoneName:        "only a name beside the number",
	featLoneHint:        "the only number, in a frame, with a warning",
	featLoneSignIn:      "the only number of a short message about signing in",
	featLoneFirst:       "a short message that begins with its only number",
	featLoneSix:         "the only number, of six digits, in a frame",
	featKeyed:           "to be dialled or keyed in at a door",
	featBetween:         "between the label and the value that it introduces",
	featQuantity:        "a number with its unit, or the end of a masked one",
	featOtherKind:       "another kind of code",
	featOtherHead:       "a code for something with a number",
	featOtherMeans:      "another number is named before, and this is the means",
	featOtherAt:         "labelled as another kind of number",
	featOtherIntroduced: "introduced as another kind of number",
	featOtherNear:       "another kind of number is named in the sentence",
	featOtherBehind:     "called another kind of number behind it",
	featTopicSentence:   "its sentence speaks of deliveries, offers or meetings",
	featTopicNear:       "the message speaks of deliveries, offers or meetings",
	featTopicSubject:    "the subject speaks of deliveries, offers or meetings",
	featHandover:        "for a driver, a courier or a shop",
	featBooking:         "the letters of a booking",
	featHidden:          "only in text that is not displayed",
	featBeforeNumber:    "a colon and another number behind it",
	featAfterPrefix:     "letters that number other things before it",
	featNoPosition:      "a word by its shape, and not where a code would stand",
	featSubjectToo:      "in the subject and in the body",
	featBothParts:       "in the text and in the HTML",
	featLinkVerb:        "its label says to verify, confirm, activate, reset, accept or approve",
	featLinkSignIn:      "its label says to sign in",
	featLinkClick:       "its label says to open it",
	featAroundVerb:      "the words around it say to verify or confirm",
	featAroundSignIn:    "the words around it speak of signing in",
	featBeforeLink:      "the words before it speak of verifying or signing in",
	featOnlyButton:      "the only button",
	featOrClick:         "offered beside the code, to open",
	featOrOpen:          "offered instead of the code",
	featLinkSubject:     "the subject speaks of verifying or signing in",
	featLinkAccount:     "the subject asks to sign in, or to verify an account or address",
	featLinkObject:      "label or subject speak of an appointment, a delivery, an offer or the like",
	featLinkBesideCode:  "stands with a code",
	featPathActs:        "its path names the action",
	featPathNames:       "its path says to verify, confirm, reset, accept or join",
	featOtherPath:       "its path speaks of something else",
	featLinkHint:        "the message says how long it works",
	featTracker:         "neither its label nor the URL names an action",
	featToken:           "it carries a token",
	featIdentifier:      "it carries an identifier",
	featNoToken:         "it carries no token",
	featButton:          "styled as a button",
	featOnlyLink:        "the only link",
	featOnlyLinkCode:    "the only link beside a code",
	featRefused:         "a word beside it or in its path speaks of something else",
	featRepeated:        "given more than once",
}

func (f feature) String() string {
	if f < featSixDigits {
		return wordTexts[f/feature(numPlaces)] + " " + placeTexts[f%feature(numPlaces)]
	}
	return featureTexts[f]
}

// maxReasons bounds the features that a reason names.
const maxReasons = 4

// reasonOf names the features that decided: of those that speak for a value that was taken, or
// against one that was not, the weightiest.
func (w *Points) reasonOf(found []finding, taken bool, otherwise string) string {
	sign := -1.0
	if taken {
		sign = 1
	}
	decided := slices.DeleteFunc(slices.Clone(found), func(f finding) bool { return sign*w[f.feature]*f.share < 0.3 })
	slices.SortStableFunc(decided, func(a, b finding) int {
		return cmp.Compare(math.Abs(w[b.feature]*b.share), math.Abs(w[a.feature]*a.share))
	})
	var texts []string
	for _, f := range decided[:min(len(decided), maxReasons)] {
		texts = append(texts, f.feature.String())
	}
	return cmp.Or(strings.Join(texts, "; "), otherwise)
}
