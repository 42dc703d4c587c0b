/* Logs every write, sync, truncation, making, renaming and removal of files below WARDLINE_LOG_ROOT, in order, to WARDLINE_LOG_FILE,
 * so that a test can rebuild what a disk would hold after a power cut. Loaded with LD_PRELOAD. A record:
 * u8 what, u32 path length, u32 data length, u64 number (all little endian), path, data. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))real(#name))
#define MAX_FDS 4096

enum { WRITE = 1, SYNC = 2, TRUNCATE = 3, CREATE = 4, RENAME = 5, UNLINK = 6 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *names[MAX_FDS];
static int log_fd = -2;

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static void write_all(const void *bytes, size_t left) {
  static ssize_t (*real_write)(int, const void *, size_t);
  if (!real_write) real_write = real("write");
  const char *at = bytes;
  while (left > 0) {
    ssize_t wrote = real_write(log_fd, at, left);
    if (wrote <= 0) abort(); /* a log with a hole proves nothing */
    at += wrote;
    left -= (size_t)wrote;
  }
}

static int is_logged(const char *path) {
  const char *root = getenv("WARDLINE_LOG_ROOT");
  return root && path && strncmp(path, root, strlen(root)) == 0;
}

/* The caller holds the lock. */
static void put(uint8_t what, const char *path, const void *data, uint32_t length, uint64_t number) {
  if (log_fd == -2) {
    int (*real_open)(const char *, int, ...) = real("open");
    log_fd = real_open(getenv("WARDLINE_LOG_FILE"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0) abort();
  }
  uint32_t path_length = (uint32_t)strlen(path);
  unsigned char head[17];
  head[0] = what;
  memcpy(head + 1, &path_length, 4);
  memcpy(head + 5, &length, 4);
  memcpy(head + 9, &number, 8);
  struct { const void *bytes; size_t length; } parts[] = {{head, 17}, {path, path_length}, {data, length}};
  for (int i = 0; i < 3; i++) write_all(parts[i].bytes, parts[i].length);
}

static const char *name_of(int fd) { return fd >= 0 && fd < MAX_FDS ? names[fd] : NULL; }

static void opened(int fd, const char *path, int is_new) {
  if (fd < 0 || fd >= MAX_FDS) return;
  pthread_mutex_lock(&lock);
  free(names[fd]);
  names[fd] = is_logged(path) ? strdup(path) : NULL;
  if (names[fd] && is_new) put(CREATE, path, NULL, 0, 0);
  pthread_mutex_unlock(&lock);
}

static int open_as(int (*call)(int, const char *, int, mode_t), int folder, const char *path, int flags, mode_t mode) {
  struct stat before;
  int is_new = (flags & O_CREAT) && is_logged(path) && stat(path, &before) != 0;
  int fd = call(folder, path, flags, mode);
  int kept = errno;
  opened(fd, path, is_new);
  if (fd >= 0 && (flags & O_TRUNC) && !is_new && name_of(fd)) {
    pthread_mutex_lock(&lock);
    put(TRUNCATE, path, NULL, 0, 0);
    pthread_mutex_unlock(&lock);
  }
  errno = kept;
  return fd;
}

static int real_openat_as(int folder, const char *path, int flags, mode_t mode) {
  int (*call)(int, const char *, int, ...) = real("openat");
  return call(folder, path, flags, mode);
}

#define MODE_OF(flags) \
  mode_t mode = 0; \
  if ((flags) & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); }

int open(const char *path, int flags, ...) { MODE_OF(flags) return open_as(real_openat_as, AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE_OF(flags) return open_as(real_openat_as, AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE_OF(flags) return open_as(real_openat_as, folder, path, flags, mode); }

int close(int fd) {
  pthread_mutex_lock(&lock);
  if (fd >= 0 && fd < MAX_FDS) { free(names[fd]); names[fd] = NULL; }
  pthread_mutex_unlock(&lock);
  return REAL(close)(fd);
}

/* The write happens under the lock, so that the log's order is the disk's. */
static ssize_t logged_write(int fd, const void *data, size_t length, off_t offset, int is_at_end) {
  ssize_t (*real_pwrite)(int, const void *, size_t, off_t) = real("pwrite");
  ssize_t (*real_write)(int, const void *, size_t) = real("write");
  if (!name_of(fd)) return is_at_end ? real_write(fd, data, length) : real_pwrite(fd, data, length, offset);
  pthread_mutex_lock(&lock);
  if (is_at_end) {
    int is_append = fcntl(fd, F_GETFL) & O_APPEND;
    offset = lseek(fd, 0, is_append ? SEEK_END : SEEK_CUR);
  }
  ssize_t wrote = is_at_end ? real_write(fd, data, length) : real_pwrite(fd, data, length, offset);
  int kept = errno;
  if (wrote > 0) put(WRITE, names[fd], data, (uint32_t)wrote, (uint64_t)offset);
  pthread_mutex_unlock(&lock);
  errno = kept;
  return wrote;
}

ssize_t write(int fd, const void *data, size_t length) { return logged_write(fd, data, length, 0, 1); }
ssize_t pwrite(int fd, const void *data, size_t length, off_t at) { return logged_write(fd, data, length, at, 0); }
ssize_t pwrite64(int fd, const void *data, size_t length, off_t at) { return logged_write(fd, data, length, at, 0); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
  if (!name_of(fd)) return REAL(writev)(fd, parts, count);
  ssize_t all = 0;
  for (int i = 0; i < count; i++) {
    ssize_t wrote = logged_write(fd, parts[i].iov_base, parts[i].iov_len, 0, 1);
    if (wrote < 0) return all > 0 ? all : wrote;
    all += wrote;
  }
  return all;
}

static int logged_sync(int fd, int (*call)(int)) {
  if (!name_of(fd)) return call(fd);
  int answer = call(fd);
  pthread_mutex_lock(&lock);
  if (answer == 0 && name_of(fd)) put(SYNC, names[fd], NULL, 0, 0);
  pthread_mutex_unlock(&lock);
  return answer;
}

int fsync(int fd) { return logged_sync(fd, real("fsync")); }
int fdatasync(int fd) { return logged_sync(fd, real("fdatasync")); }

static int logged_truncate(int fd, off_t length) {
  pthread_mutex_lock(&lock);
  int (*call)(int, off_t) = real("ftruncate");
  int answer = call(fd, length);
  if (answer == 0 && name_of(fd)) put(TRUNCATE, names[fd], NULL, 0, (uint64_t)length);
  pthread_mutex_unlock(&lock);
  return answer;
}

int ftruncate(int fd, off_t length) { return logged_truncate(fd, length); }
int ftruncate64(int fd, off_t length) { return logged_truncate(fd, length); }

int rename(const char *from, const char *to) {
  pthread_mutex_lock(&lock);
  int answer = REAL(rename)(from, to);
  if (answer == 0 && is_logged(to)) put(RENAME, from, to, (uint32_t)strlen(to), 0);
  pthread_mutex_unlock(&lock);
  return answer;
}

int unlink(const char *path) {
  pthread_mutex_lock(&lock);
  int answer = REAL(unlink)(path);
  if (answer == 0 && is_logged(path)) put(UNLINK, path, NULL, 0, 0);
  pthread_mutex_unlock(&lock);
  return answer;
}
