package httpapi

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// wrongDelay is the pause after a wrong password. With hashes of cost 10, guessing from
// one address takes no more than a fifth of a core.
const wrongDelay = 250 * time.Millisecond

// unknownUserHash is compared with the password of an unknown user, so that the answer
// takes as long as for a known one.
const unknownUserHash = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"

// authCache checks passwords. bcrypt takes some 60 ms of a core, so the cache keeps the
// last correct password of each user, and compares one password at a time.
//
// Attempts from one address queue behind its wrong ones and their pauses. Other
// addresses wait for comparisons only: wrong passwords do not lock them out.
type authCache struct {
	mu      sync.Mutex
	key     [32]byte            // of the digests: useless to a reader of the memory
	correct map[string][32]byte // digest by user
	queues  map[string]*authQueue

	comparing sync.Mutex
}

// authQueue serialises the attempts from one address.
type authQueue struct {
	sync.Mutex
	attempts int // under way; guarded by authCache.mu
}

// check reports whether the password is that of the user. from is the client's address.
func (a *authCache) check(ctx context.Context, from string, users map[string][]byte, user, password string) bool {
	hash, known := users[user]
	if !known {
		hash = []byte(unknownUserHash)
	}
	if a.cached(user, hash, password) {
		return true
	}
	defer a.enqueue(from)()
	if ctx.Err() != nil {
		return false // the client is gone
	}
	if a.compare(hash, password) && known {
		a.put(user, hash, password)
		return true
	}
	time.Sleep(wrongDelay) // also for a client that is gone: it must not skip the pause
	return false
}

// enqueue waits for the earlier attempts from an address. The function it returns ends
// the attempt.
func (a *authCache) enqueue(from string) (leave func()) {
	a.mu.Lock()
	q := a.queues[from]
	if q == nil {
		q = &authQueue{}
		if a.queues == nil {
			a.queues = make(map[string]*authQueue)
		}
		a.queues[from] = q
	}
	q.attempts++
	a.mu.Unlock()
	q.Lock()
	return func() {
		q.Unlock()
		a.mu.Lock()
		defer a.mu.Unlock()
		if q.attempts--; q.attempts == 0 {
			delete(a.queues, from)
		}
	}
}

func (a *authCache) compare(hash []byte, password string) bool {
	a.comparing.Lock()
	defer a.comparing.Unlock()
	return bcrypt.CompareHashAndPassword(hash, []byte(password)) == nil
}

// digest must be called with mu held.
func (a *authCache) digest(hash []byte, password string) (sum [32]byte) {
	if a.correct == nil {
		a.correct = make(map[string][32]byte)
		_, _ = rand.Read(a.key[:]) // it does not fail
	}
	mac := hmac.New(sha256.New, a.key[:])
	mac.Write(hash) // all hashes have the same length
	mac.Write([]byte(password))
	return [32]byte(mac.Sum(nil))
}

func (a *authCache) cached(user string, hash []byte, password string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	sum := a.digest(hash, password)
	correct, ok := a.correct[user]
	return ok && hmac.Equal(correct[:], sum[:])
}

func (a *authCache) put(user string, hash []byte, password string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.correct[user] = a.digest(hash, password)
}
