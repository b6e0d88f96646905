/** A command line: its name, then its arguments. */
final class Command {
    private final String[] words;

    Command(String line) {
        words = line.trim().split(" +");
    }

    String name() {
        return words[0];
    }

    /** Argument 1 is the first. */
    String text(int index) {
        if (index >= words.length) {
            throw new IllegalArgumentException("argument " + index + " is missing");
        }
        return words[index];
    }

    String text(int index, String otherwise) {
        return index < words.length ? words[index] : otherwise;
    }

    int number(int index) {
        int n = Integer.parseInt(text(index));
        if (n < 0) {
            throw new IllegalArgumentException("negative: " + n);
        }
        return n;
    }

    int number(int index, int otherwise) {
        return index < words.length ? number(index) : otherwise;
    }
}
