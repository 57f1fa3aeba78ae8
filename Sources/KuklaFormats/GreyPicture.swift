import CPNG
public import KuklaNumerics

/// A picture of grey values.
public struct GreyPicture: Sendable, Equatable {
    public let width, height: Int
    /// 0 is black, 255 white; row by row from the top.
    public let pixels: [UInt8]

    /// - Precondition: `width * height` pixels.
    public init(width: Int, height: Int, pixels: [UInt8]) {
        contract(
            width > 0 && height > 0 && pixels.count == width * height,
            "GreyPicture: \(pixels.count) pixels for \(width) by \(height)")
        (self.width, self.height, self.pixels) = (width, height, pixels)
    }

    /// Reads a PNG picture of any kind; colours become their luminance, what is transparent black.
    ///
    /// - Parameter name: what errors call it.
    /// - Throws: `KuklaError`: `badData` where it is no PNG, cut or damaged; `unsupported` where it has more than 100 million pixels.
    public init(png bytes: [UInt8], name: String) throws(KuklaError) {
        var image = png_image()
        image.version = png_uint_32(PNG_IMAGE_VERSION)
        defer { png_image_free(&image) }
        var tooLarge = false
        let pixels: [UInt8]? = bytes.withUnsafeBytes { bytes in
            guard png_image_begin_read_from_memory(&image, bytes.baseAddress, bytes.count) != 0 else {
                return nil
            }
            // A few bytes may claim any size.
            guard Int(image.width) * Int(image.height) <= 100_000_000 else {
                tooLarge = true
                return nil
            }
            image.format = png_uint_32(PNG_FORMAT_GRAY)
            var isRead = false
            var black = png_color(red: 0, green: 0, blue: 0)
            let pixels = [UInt8](unsafeUninitializedCapacity: Int(image.width) * Int(image.height)) {
                out, count in
                isRead = png_image_finish_read(&image, &black, out.baseAddress, 0, nil) != 0
                count = isRead ? out.count : 0
            }
            return isRead ? pixels : nil
        }
        guard !tooLarge else {
            throw KuklaError(
                .unsupported,
                "Cannot read \(name): it has \(image.width) by \(image.height) pixels, more than 100 million. Make it smaller."
            )
        }
        guard let pixels else {
            let reason = withUnsafeBytes(of: image.message) { message in
                String(decoding: message.prefix { $0 != 0 }, as: UTF8.self)
            }
            throw KuklaError(
                .badData, "Cannot read \(name) as a PNG picture: \(reason.isEmpty ? "no data" : reason).")
        }
        self.init(width: Int(image.width), height: Int(image.height), pixels: pixels)
    }
}
