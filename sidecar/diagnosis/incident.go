package diagnosis

import (
	"fmt"
	"strings"
	"time"

	"github.com/jvmem/jvmem/jvm/threads"
	"github.com/jvmem/jvmem/sidecar/history"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// State is where an incident stands.
type State string

// The states of an incident. A suspicion that is not confirmed is forgotten.
const (
	Suspected State = "suspected"
	Confirmed State = "confirmed"
	Paused    State = "paused" // nothing grew lately, and nothing was freed
	Closed    State = "closed" // a good part was freed, or the growth is proven to have ended
)

// Incident is one leak, from the first suspicion on. It is a value that can be written
// as JSON and read back. It does not end because growth pauses: what leaked is still
// there.
type Incident struct {
	Verdict rows.Verdict `json:"verdict"`
	Subject string       `json:"subject,omitempty"`
	// Row is the row that it is about, as in a Finding. Set in a Diagnosis.
	Row   rows.Name `json:"row,omitempty"`
	State State     `json:"state"`
	// Since is the begin of the growth that was judged.
	Since time.Time `json:"since"`
	// Opened is when it was first suspected; Confirmed and Closed are nil before.
	Opened    time.Time  `json:"opened"`
	Confirmed *time.Time `json:"confirmed,omitempty"`
	Closed    *time.Time `json:"closed,omitempty"`
	// LastGrowth is when it last reached a new maximum.
	LastGrowth time.Time `json:"last_growth"`
	// Measure is the series of the history that grows: bytes, or a count.
	Measure string `json:"measure"`
	// From, To and Gained are of the measure: when it began, at its highest, and the
	// difference.
	From   float64 `json:"from"`
	To     float64 `json:"to"`
	Gained float64 `json:"gained"`
	// Waiting names what is missing for a confirmation: a collection of the garbage
	// collector that could free the memory. Next says how it can come; set in a Diagnosis.
	Waiting string   `json:"waiting,omitempty"`
	Next    []string `json:"next,omitempty"`
	// Uncollected: no collection has shown yet that any of it stays.
	Uncollected bool `json:"uncollected,omitempty"`
	// Few: only a few collections have shown what stays.
	Few bool `json:"few,omitempty"`

	// IfLeak is when a limit is reached if a suspicion is a leak; set in a Diagnosis, nil if
	// that is not known.
	IfLeak *Forecast `json:"if_leak,omitempty"`

	// Needed is the gain that confirms it; 0: any.
	Needed float64 `json:"needed,omitempty"`
	// NeededIfSlow is the gain that confirms it while it Slows: over time, not against work.
	NeededIfSlow float64 `json:"needed_if_slow,omitempty"`
	Slows        bool    `json:"slows,omitempty"`
	// Sightings counts the judgments that found it, in a row and in all.
	InARow    int `json:"in_a_row"`
	Sightings int `json:"sightings"`
	// LongestPauseMillis is the longest time between two increases so far.
	LongestPauseMillis int64 `json:"longest_pause_ms"`
	// RestMillis is how long no growth means nothing: it shows only after collections.
	RestMillis int64 `json:"rest_ms,omitempty"`
	// Seen is when a judgment found it last, the others are what it found.
	Seen       time.Time `json:"seen"`
	Rate       *Rate     `json:"rate,omitempty"`
	Share      *float64  `json:"share,omitempty"`
	Confidence float64   `json:"confidence,omitempty"`

	// Gathered is evidence that the JVM was queried for while this is suspected. Later the
	// finding has it.
	Gathered *Gathered `json:"gathered,omitempty"`

	finding Finding // of that judgment; empty if it was read back from JSON
	// fullSince is when a judgment first found the heap full, as those since did; 0: it is not.
	fullSince int64
	full      bool   // for fullFor
	leftLess  string // as of judge.leftLess
}

const (
	// sightingsInARow or sightingsInAll confirm a suspicion: near a threshold, findings
	// come and go.
	sightingsInARow, sightingsInAll = 2, 3
	// newsOfHeap and newsOfJVM are the part of the gain, or of the room that was left, that must come
	// up after the first finding: these fill up to a bound by design, and may be full.
	// After a few collections of a heap it is newsOfFew: what a full cache holds differs by a tenth.
	// What slows down over time and not against work needs newsIfSlow: a warm-up may be most of the work so far.
	newsOfHeap, newsOfFew, newsOfJVM, newsIfSlow = 0.1, 0.25, 0.25, 0.25
	// freed closes an incident: the part of the gain that must be gone.
	freed = 0.5
	// noise is the part of the gain that is no new growth.
	noise = 0.02
	// pauseFactor: a pause is this much longer than the longest time between two
	// increases so far, and minPause at least.
	pauseFactor = 3
	minPause    = 3 * time.Minute
	// A suspicion is forgotten when it was neither found nor grew for forget, or half of its age.
	forget = 5 * time.Minute
	// proof: growth has ended when as much work was done without any as came with all of it.
	proof    = 1
	minProof = 30 * time.Minute
	// A heap's has ended when proofCollections freed what came up in the old generation, and that
	// was as much as came up while it grew.
	proofCollections = 3
)

// open reports whether the incident still counts.
func (i *Incident) open() bool { return i.State == Confirmed || i.State == Paused }

// see takes in a finding of this leak.
func (i *Incident) see(f *Finding, at time.Time) {
	i.Sightings++
	i.InARow++
	if i.InARow >= sightingsInARow {
		i.Sightings = max(i.Sightings, sightingsInAll) // it stands, also where growth is found only after a pause
	}
	i.Seen, i.finding, i.Waiting, i.Uncollected = at, *f, f.waiting, f.uncollected
	i.Rate, i.Share, i.Confidence, i.Slows = f.Rate, f.Share, f.Confidence, f.slows
	if renamed(i.Measure, f.measure) {
		i.Measure, i.Subject = f.measure, f.Subject
	}
	if f.measure != i.Measure && f.to-f.from > i.To-i.From {
		// The leak goes on under another name: a name of a thread is cut where its number is long.
		i.Measure, i.From, i.To, i.LastGrowth = f.measure, f.from, f.to, at
	}
	if i.State == Suspected {
		if i.Measure == history.OldUsed && i.Measure == f.measure && !f.uncollected {
			i.To = min(i.To, f.to) // the rest was garbage
		}
		i.Subject = f.Subject
		if from := time.UnixMilli(f.window.from).UTC(); from.Before(i.Since) {
			i.Since = from
		}
	}
}

// renamed reports whether the series of a pool has the whole name of its threads now: an
// earlier history has the part that the kernel keeps.
func renamed(earlier, now string) bool {
	short, ok := strings.CutPrefix(earlier, history.PrefixPool)
	long, is := strings.CutPrefix(now, history.PrefixPool)
	return ok && is && threads.Renamed(short, long)
}

// last is what the last judgment found.
func (i *Incident) last() Finding {
	if i.finding.Verdict != "" {
		return i.finding
	}
	f := Finding{
		Verdict: i.Verdict, Subject: i.Subject, Rate: i.Rate, Share: i.Share, Confidence: i.Confidence,
		window: window{i.Since.UnixMilli(), i.Seen.UnixMilli()},
	}
	if strings.HasPrefix(i.Measure, history.Detail(rows.RowOf(i.Verdict, i.Subject), "")) {
		f.series = i.Measure
	}
	return f
}

// follow takes in the level of the measure, and returns what changed.
func (i *Incident) follow(level float64, known bool, j *judge) {
	at := time.UnixMilli(j.at).UTC()
	if known {
		i.From = min(i.From, level)
		if gain := level - i.To; gain > noise*(i.To-i.From) && gain > 0 {
			if pause := at.Sub(i.LastGrowth).Milliseconds(); i.Sightings > 1 || i.State != Suspected {
				i.LongestPauseMillis = max(i.LongestPauseMillis, pause)
			}
			i.To, i.LastGrowth = level, at
		}
	}
	i.Gained = i.To - i.From
	switch {
	case i.Uncollected && j.lastCollection(i.Measure) <= i.Seen.UnixMilli() && i.InARow > 0: // nothing was freed since
	case known && i.Sightings > 0 && i.Gained > 0 && level < i.To-freed*i.Gained, i.ended(j):
		i.State, i.Closed = Closed, &at
	case i.State == Suspected:
		i.leftLess = ""
		if i.Measure == history.OldUsed && !i.full {
			i.leftLess = j.leftLess()
		}
		if i.stands(level, j) {
			i.State, i.Confirmed = Confirmed, &at
		} else if min(at.Sub(i.Seen), j.idle(i)) > max(forget, at.Sub(i.Opened)/2) {
			i.State, i.Closed = Closed, &at
		}
	default:
		i.State = Confirmed
		if j.idle(i) > max(minPause, pauseFactor*i.longestPause()) {
			i.State = Paused
		}
	}
	if i.State != Suspected {
		i.Waiting = "" // it needs no confirmation any more
	}
}

// stands reports whether a suspicion was found often enough, and nothing speaks against it.
func (i *Incident) stands(level float64, j *judge) bool {
	return i.Waiting == "" && i.leftLess == "" && i.wentOn() && (i.InARow >= sightingsInARow || i.Sightings >= sightingsInAll) &&
		!j.maybeGarbage(i, level) && !j.levelled(i)
}

// news is the part of the gain that must come up after the first finding of a verdict. Caches fill the
// heap, warm-up fills what belongs to the JVM and its allocator, each up to a bound; other memory
// needs other evidence, or has no bound.
func news(v rows.Verdict) float64 {
	switch v {
	case rows.VerdictHeap:
		return newsOfHeap
	case rows.VerdictCodeCache, rows.VerdictGC, rows.VerdictJVMInternal, rows.VerdictAllocatorRetention:
		return newsOfJVM
	}
	return 0
}

// fullFor is how long a heap must be full until what fills it is a leak: what is replaced is in use twice
// for that time.
const fullFor = minute

// fill takes in whether the heap is full.
func (i *Incident) fill(j *judge) {
	switch _, full := j.heapFull(); {
	case !full:
		i.fullSince = 0
	case i.fullSince == 0:
		i.fullSince = j.at
	}
	i.full = i.fullSince > 0 && j.at-i.fullSince >= fullFor
}

// wentOn reports whether it grew since it was first found, or cannot grow any more.
func (i *Incident) wentOn() bool { return i.full || i.Gained >= i.needs() }

// needs is the gain that confirms it.
func (i *Incident) needs() float64 {
	if i.Slows {
		return max(i.Needed, i.NeededIfSlow)
	}
	return i.Needed
}

func (i *Incident) longestPause() time.Duration {
	return time.Duration(max(i.LongestPauseMillis, i.RestMillis)) * time.Millisecond
}

// ended reports whether so much was done since the last growth that it would have grown.
func (i *Incident) ended(j *judge) bool {
	if i.Measure == history.OldUsed {
		grew := i.LastGrowth.UnixMilli()
		_, with := j.promoted(i.Since.UnixMilli(), grew)
		if n, without := j.promoted(grew, j.at); n >= proofCollections && with > 0 && without >= proof*with {
			return true
		}
	}
	at := time.UnixMilli(j.at)
	if i.Confirmed == nil || at.Sub(i.LastGrowth) < minProof {
		return false
	}
	with, ok := j.work(i.Since.UnixMilli(), i.LastGrowth.UnixMilli())
	without, known := j.work(i.LastGrowth.UnixMilli(), j.at)
	return ok && known && with > 0 && without > proof*with
}

// unit is what the measure of the incident counts.
func (i *Incident) unit() unit {
	switch {
	case i.Measure == history.Classes:
		return inPiecesOf("classes")
	case i.Measure == history.Threads, strings.HasPrefix(i.Measure, history.PrefixPool):
		return inPiecesOf("threads")
	}
	return inBytes()
}

// missing says what a suspicion lacks for a verdict; "": nothing, or only to be found again.
func (i *Incident) missing() string {
	switch {
	case i.State != Suspected:
	case i.Waiting != "":
		return "waiting for " + i.Waiting
	case !i.wentOn():
		same := "a warm-up"
		if i.Verdict == rows.VerdictHeap {
			same = "a cache that fills"
		}
		return "a leak from +" + i.unit().text(i.needs()) + " on: until then " + same + " looks the same"
	}
	return i.leftLess
}

// text describes the course of an incident.
func (i *Incident) text() string {
	state := string(i.State)
	if i.State == Closed && i.Confirmed == nil {
		state = "closed, never confirmed"
	}
	text := fmt.Sprintf("%s: gained %s since %s", state, i.unit().text(i.Gained), clockText(i.Since))
	if missing := i.missing(); missing != "" {
		text += "; " + missing
	}
	if i.IfLeak != nil {
		text += "; if it leaks, " + i.IfLeak.sentence()
	}
	if i.State == Paused {
		text += "; no growth since " + clockText(i.LastGrowth)
	}
	return text
}

func clockText(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }
