package fleet

import (
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Progress shows how many of so many pods were asked, on a terminal only. It returns what
// to call after each one; after the last one the bar is gone.
func Progress(w io.Writer, total int) (done func()) {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || total == 0 {
		return func() {}
	}
	bar := progressbar.NewOptions(total,
		progressbar.OptionSetWriter(w), progressbar.OptionSetDescription("asking sidecars"), progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(false), progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish())
	_ = bar.RenderBlank() // a terminal that is gone shows nothing
	return func() { _ = bar.Add(1) }
}
