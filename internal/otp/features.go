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

// maxReasons bounds the features that a reason names.
const maxReasons = 4

// reasonOf names the features that decided: of those that speak for a value that was taken, or
// against one that was not, the weightiest.
func (w *Weights) reasonOf(found []finding, taken bool, otherwise string) string {
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
		texts = append(texts, committed().texts[f.feature])
	}
	return cmp.Or(strings.Join(texts, "; "), otherwise)
}
