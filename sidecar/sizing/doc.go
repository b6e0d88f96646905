// Package sizing says what to set: the memory limit of a container and the flags of its JVM.
//
// It is pure: it takes the history of a container and the diagnosis of it, and returns a
// value. What each row needs comes from diagnosis.Needs, which the verdict budget
// also uses. Three questions are answered:
//
//   - what limit the current settings need, and what reaches it first;
//   - which settings fit a limit, the current one or another;
//   - what is wasted.
//
// The heap is sized by what survives its collections and by the time that these take, not by
// how large it grew. A row that leaks has no size: the leak comes first. What is not known is
// not guessed: Missing says what has to be seen first.
package sizing
