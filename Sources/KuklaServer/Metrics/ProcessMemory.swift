import Foundation

/// Memory of this process.
enum ProcessMemory {
    /// Bytes that are resident; 0 where the system does not say.
    static var resident: Int {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
        let fields = text.split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE)) : 0
    }

    /// Gives back to the system what was freed: glibc keeps it for each thread's next time, and some work is seldom.
    static func trim() {
        #if os(Linux)
            // Swift's module of glibc leaves the allocator's header out; another C library has no such function.
            typealias Trim = @convention(c) (Int) -> Int32
            if let symbol = dlsym(nil, "malloc_trim") { _ = unsafeBitCast(symbol, to: Trim.self)(0) }
        #endif
    }
}
