"""What a maintainer runs for a new release of IOS XR; no part of the package."""
