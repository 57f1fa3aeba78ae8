import Foundation
import KuklaFormats
import KuklaNumerics
import Testing

@Suite struct GreyPictureTests {
    /// 3 by 2 pixels: grey of 8 bits, 1 bit, and colour, as Python wrote them.
    private static let grey = [UInt8](
        Data(
            base64Encoded:
                "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAAAAAC4HznGAAAAEElEQVR4nGNgMEphmHbiFwAHdALvVMIw2wAAAABJRU5ErkJggg=="
        )!)
    private static let bits = [UInt8](
        Data(
            base64Encoded:
                "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACAQAAAAC1D1u3AAAADElEQVR4nGNYwOAAAAIkAOFz6zvyAAAAAElFTkSuQmCC"
        )!)
    private static let colour = [UInt8](
        Data(
            base64Encoded:
                "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAIAAAASFvFNAAAAFklEQVR4nGP4//8/AwNDQ0MDA4gGYwBWzwd7nYogvgAAAABJRU5ErkJggg=="
        )!)

    @Test func `grey, black and white, and colours`() throws {
        #expect(
            try GreyPicture(png: Self.grey, name: "grey")
                == GreyPicture(width: 3, height: 2, pixels: [0, 50, 100, 150, 200, 250]))
        #expect(try GreyPicture(png: Self.bits, name: "bits").pixels == [255, 0, 255, 0, 255, 0])
        // White, black, and grey have no colour; green is lighter than blue.
        let pixels = try GreyPicture(png: Self.colour, name: "colour").pixels
        #expect(Array(pixels[..<3]) == [255, 0, 128])
        #expect(pixels[4] > pixels[5])
    }

    @Test func `whatever byte is changed and wherever it is cut, nothing traps`() throws {
        for picture in [Self.grey, Self.colour] {
            for position in picture.indices {
                for value in [0, 0xFF, picture[position] ^ 1] {
                    var bytes = picture
                    bytes[position] = value
                    _ = try? GreyPicture(png: bytes, name: "changed")
                }
            }
            // Behind the data stand only a checksum and the end mark, which libpng does not insist on.
            for count in 0..<picture.count - 24 {
                let error = #expect(throws: KuklaError.self) {
                    try GreyPicture(png: Array(picture.prefix(count)), name: "cut")
                }
                #expect(error?.code == .badData)
            }
        }
    }

    @Test func `a picture that claims to be huge is refused`() throws {
        var bytes = Self.grey
        bytes.replaceSubrange(16..<24, with: [0, 1, 0, 0, 0, 1, 0, 0])
        bytes.replaceSubrange(29..<33, with: [73, 239, 111, 63])
        let error = #expect(throws: KuklaError.self) { try GreyPicture(png: bytes, name: "huge") }
        #expect(error?.code == .unsupported)
    }
}
