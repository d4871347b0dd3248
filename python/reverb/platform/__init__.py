"""Where dm-reverb keeps what differs between platforms."""
