import Foundation

/// Memory of this process.
public enum ProcessMemory {
    /// Bytes that are resident; 0 where the system does not say.
    static var resident: Int {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
        let fields = text.split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE)) : 0
    }

    /// Gives back to the system what was freed: glibc keeps it for each thread's next time, and some work is seldom.
    static func trim() {
        typealias Trim = @convention(c) (Int) -> Int32
        if let trim = allocatorFunction("malloc_trim", as: Trim.self) { _ = trim(0) }
    }

    /// Keeps what the allocator holds near what is in use, for a process that runs for weeks. Has its effect on what is allocated later, so call it first.
    ///
    /// Threads share as many heaps as there are cores, where glibc would make eight a core and keep what each one freed. And buffers of a
    /// mebibyte or more are always pages of their own, given back when they are freed: glibc would put later ones into heaps as soon as it has seen one freed,
    /// where a small neighbour keeps their place from being given back.
    public static func holdLittle() {
        typealias Option = @convention(c) (Int32, Int32) -> Int32
        guard let mallopt = allocatorFunction("mallopt", as: Option.self) else { return }
        let (arenaMax, mmapThreshold): (Int32, Int32) = (-8, -3)  // M_ARENA_MAX, M_MMAP_THRESHOLD of malloc.h
        _ = mallopt(arenaMax, Int32(max(2, ProcessInfo.processInfo.activeProcessorCount)))
        _ = mallopt(mmapThreshold, 1 << 20)
    }

    /// Swift's module of glibc leaves the allocator's header out; another C library has no such functions.
    private static func allocatorFunction<F>(_ name: String, as type: F.Type) -> F? {
        #if os(Linux)
            dlsym(nil, name).map { unsafeBitCast($0, to: type) }
        #else
            nil
        #endif
    }
}
