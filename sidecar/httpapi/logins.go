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

// wrongWait is the pause after a wrong password. With it, and hashes of cost 10,
// guessing takes no more than a fifth of a core.
const wrongWait = 250 * time.Millisecond

// nobody is the hash that the password of an unknown user is compared with: it takes
// as long as that of a known one.
const nobody = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"

// logins checks passwords. One of bcrypt's takes some 60 ms of a core, so it remembers
// the last right one of each user, and compares one at a time.
type logins struct {
	mu    sync.Mutex
	key   [32]byte // of the digests: they are of no use to who reads them
	right map[string][32]byte

	comparing sync.Mutex
}

// check reports whether it is the password of a user.
func (l *logins) check(ctx context.Context, users map[string][]byte, user, password string) bool {
	hash, known := users[user]
	if !known {
		hash = []byte(nobody)
	}
	if l.remembered(user, hash, password) {
		return true
	}
	l.comparing.Lock()
	defer l.comparing.Unlock()
	if ctx.Err() != nil {
		return false // the client is gone
	}
	if bcrypt.CompareHashAndPassword(hash, []byte(password)) == nil && known {
		l.remember(user, hash, password)
		return true
	}
	time.Sleep(wrongWait)
	return false
}

// digest must be called with the lock held.
func (l *logins) digest(hash []byte, password string) (sum [32]byte) {
	if l.right == nil {
		l.right = make(map[string][32]byte)
		_, _ = rand.Read(l.key[:]) // it does not fail
	}
	mac := hmac.New(sha256.New, l.key[:])
	mac.Write(hash) // of one length for all
	mac.Write([]byte(password))
	return [32]byte(mac.Sum(nil))
}

func (l *logins) remembered(user string, hash []byte, password string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	sum := l.digest(hash, password)
	right, ok := l.right[user]
	return ok && hmac.Equal(right[:], sum[:])
}

func (l *logins) remember(user string, hash []byte, password string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.right[user] = l.digest(hash, password)
}
