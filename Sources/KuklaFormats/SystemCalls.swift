import Foundation

/// `read(2)` that starts again when a signal interrupts it.
func readFully(_ descriptor: Int32, into memory: UnsafeMutableRawPointer, count: Int) -> Int {
    while true {
        let got = read(descriptor, memory, min(count, 1 << 30))
        if got < 0 && errno == EINTR { continue }
        return got
    }
}

/// `write(2)` until all bytes are out; false with `errno` set where the system refuses.
func writeFully(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Bool {
    var done = 0
    while done < bytes.count {
        let wrote = write(descriptor, bytes.baseAddress! + done, min(bytes.count - done, 1 << 30))
        if wrote < 0 {
            if errno == EINTR { continue }
            return false
        }
        done += wrote
    }
    return true
}

/// `pwrite(2)` until all bytes are out; false with `errno` set where the system refuses.
func overwriteFully(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int) -> Bool {
    var done = 0
    while done < bytes.count {
        let wrote = pwrite(
            descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
        if wrote < 0 {
            if errno == EINTR { continue }
            return false
        }
        done += wrote
    }
    return true
}
