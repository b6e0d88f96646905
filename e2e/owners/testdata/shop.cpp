// Leaks of C++ code. Each returns the bytes of the chunks that it leaked.
#include <cstdlib>
#include <cstring>
#include <jni.h>
#include <malloc.h>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace shop {

struct Listener {
	virtual ~Listener() {}
	virtual int on(int event) = 0;
};

class Session : public Listener {
public:
	explicit Session(int bytes) : peer(60, 'p'), buffer(bytes, 'b') {}
	int on(int event) override { return event + buffer.size(); }
	jlong chunks() const;

private:
	std::string peer;
	std::vector<char> buffer;
};

std::map<long, std::unique_ptr<Session>> sessions;
std::vector<std::string> names;

} // namespace shop

static jlong chunk(const void *block) { return malloc_usable_size(const_cast<void *>(block)) + sizeof(size_t); }

jlong shop::Session::chunks() const { return chunk(this) + chunk(peer.data()) + chunk(buffer.data()); }

extern "C" JNIEXPORT jlong JNICALL Java_Shop_stored(JNIEnv *, jclass, jint bytes)
{
	static long next;
	auto entry = shop::sessions.emplace(next++, new shop::Session(bytes)).first;
	return entry->second->chunks() + 64; // and the node of the map
}

extern "C" JNIEXPORT jlong JNICALL Java_Shop_lost(JNIEnv *, jclass, jint bytes) { return (new shop::Session(bytes))->chunks(); }

extern "C" JNIEXPORT jlong JNICALL Java_Shop_strings(JNIEnv *, jclass, jint bytes)
{
	size_t before = shop::names.capacity();
	shop::names.emplace_back(bytes, 'n');
	return chunk(shop::names.back().data()) + (shop::names.capacity() - before) * sizeof(std::string);
}

extern "C" JNIEXPORT jlong JNICALL Java_Shop_deleted(JNIEnv *, jclass, jint count)
{
	std::vector<shop::Session *> gone;
	for (int i = 0; i < count; i++)
		gone.push_back(new shop::Session(20));
	for (auto session : gone)
		delete session;
	jlong leaked = 0;
	for (int i = 0; i < count; i++) {
		char *text = static_cast<char *>(malloc(sizeof(shop::Session)));
		memset(text, 't', 8);
		leaked += chunk(text);
	}
	return leaked;
}
